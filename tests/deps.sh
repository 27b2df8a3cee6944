#!/bin/sh
# Installs those of the named Debian packages that are missing, as root or by
# sudo; without either it prints the line that root would have to run.
set -u
export DEBIAN_FRONTEND=noninteractive

missing=
for p; do
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
	    grep -q '^install ok installed$' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ]; then
	apt-get update && exec $install
elif command -v sudo >/dev/null && sudo true; then
	sudo apt-get update &&
	    exec sudo DEBIAN_FRONTEND=noninteractive $install
else
	echo "these packages are missing; as root run:" >&2
	echo "  apt-get update && $install" >&2
fi
exit 1
