# worker.bash - makes a function of bash the program of muxctl serve --worker:
# started once, it answers calls one after the other.  The lines between the
# two are described in muxctl-serve(1), WORKERS.
#
#	source /usr/local/lib/muxctl/worker.bash
#	count() { wc -c; }
#	mux_worker count
#
# mux_worker [-rt] FUNCTION
#	For each call FUNCTION is run with the arguments of the call.  What it
#	prints is the answer, the status it returns is that of the call, what
#	it says on standard error goes to the log of serve.  It finds
#	standard input	the body
#	$MUX_BODY	the name of a file with the body, until it returns
#	$MUX_METHOD	the name of the method
#	$MUX_ID		a number that no other call has
#	$MUX_DEADLINE_MS  how long somebody waits, in milliseconds; 0: for ever
# -t	Texts, for speed: the body is in $MUX_TEXT instead, $MUX_BODY is empty
#	and so is standard input.  A body with a NUL byte, which bash cannot
#	hold, is not given to FUNCTION: the status is 65.
# -r	Texts both ways, with less CPU: as -t, and the answer is what FUNCTION
#	leaves in $MUX_REPLY, which is empty before.  What it prints goes to
#	the log of serve, too.
#
#	greet() { MUX_REPLY="Hello, $MUX_TEXT"; }
#	mux_worker -r greet
#
# It returns when serve closes its end.  Variables that FUNCTION sets are there
# in the next call; `exit` ends the worker, and serve starts another one.  No
# program is started for a call, unless FUNCTION does so, or a body is larger
# than 4 KiB, or an answer has NUL bytes.  The locale is C, in which ${#x}
# counts bytes; programs get that of serve.  A call that is cancelled is
# answered all the same.  What FUNCTION leaves running must not print.
#
# It needs bash 4.4 or newer, dd, mktemp, and /proc.

# Files without names, so that nothing is left behind.  _mux_file is what can
# be opened again, _mux_fd the descriptor.
_mux_temp() {
	local name dir=/dev/shm
	[[ -w $dir ]] || dir=${TMPDIR:-/tmp}
	name=$(mktemp "$dir/muxctl-worker.XXXXXXXX") || return
	exec {_mux_fd}<>"$name"
	rm -f "$name"
	_mux_file=/proc/$BASHPID/fd/$_mux_fd
}

# Nothing has been printed, nothing been read.
_mux_rewind() {
	: >|"$_mux_said"
	[[ -z $_mux_cap ]] || exec {_mux_cap}<&-
	exec {_mux_cap}<"$_mux_said"
	_mux_at=0
}

# The method, and a body that is too large to be read by bash itself, which
# reads one byte at a time from a pipe to be sure that it takes none too many.
# (read -N takes more at once, but leaves out NULs and does not count them: what
# comes behind such a body would be taken for a part of it.)
_mux_take_large() {
	MUX_METHOD=
	[[ $_mux_mlen == 0 ]] ||
	    IFS= read -r -u "$_mux_in" -N "$_mux_mlen" MUX_METHOD || return
	dd bs="$_mux_blen" count=1 iflag=fullblock <&"$_mux_in" \
	    >|"$_mux_body" 2>/dev/null || return
	_mux_nul=
	[[ -n $_mux_text ]] || return 0
	! IFS= read -r -d '' MUX_TEXT <"$_mux_body" || _mux_nul=1
}

# The rest of a small one, of which _mux_part has been read, and a NUL.
_mux_take_binary() {
	local left=$((_mux_mlen + _mux_blen - ${#_mux_part}))
	MUX_METHOD=${_mux_part:0:_mux_mlen}
	printf '%s\0' "${_mux_part:_mux_mlen}" >|"$_mux_body"
	_mux_nul=1
	while left=$((left - 1)) && [[ $left != 0 ]]; do
		IFS= read -r -u "$_mux_in" -d '' -n "$left" _mux_part || return
		left=$((left - ${#_mux_part}))
		printf %s "$_mux_part" >>"$_mux_body"
		[[ $left != 0 ]] || return 0
		printf '\0' >>"$_mux_body"
	done
}

_mux_take_args() {
	local len arg
	_mux_args=()
	while [[ $_mux_nargs != 0 ]]; do
		_mux_nargs=$((_mux_nargs - 1))
		arg=
		read -r -u "$_mux_in" len || return
		[[ $len == 0 ]] ||
		    IFS= read -r -u "$_mux_in" -N "$len" arg || return
		_mux_args+=("$arg")
	done
}

# What the function has printed has a NUL, so bash cannot hold it.
_mux_answer_binary() {
	local size
	size=$(($(wc -c <"$_mux_said") - _mux_at))
	printf '%s %s %s\n' "$MUX_ID" "$_mux_status" "$size" >&"$_mux_out"
	tail -c "+$((_mux_at + 1))" "$_mux_said" | head -c "$size" \
	    >&"$_mux_out"
	_mux_rewind
}

# Each line counts here, so this is one function and not five.
_mux_loop() {
	while IFS=' ' read -r -u "$_mux_in" MUX_ID _mux_nargs _mux_mlen \
	    _mux_blen MUX_DEADLINE_MS; do
		_mux_args=()
		case $_mux_nargs in
		0) ;;
		cancel) continue ;;
		*) _mux_take_args || return ;;
		esac
		if [[ $_mux_blen -gt 4096 ]]; then
			_mux_take_large || return
		else
			IFS= read -r -u "$_mux_in" -d '' \
			    -n "$((_mux_mlen + _mux_blen))" _mux_part || return
			MUX_TEXT=${_mux_part:_mux_mlen}
			if [[ ${#MUX_TEXT} != "$_mux_blen" ]]; then
				_mux_take_binary || return
			else
				MUX_METHOD=${_mux_part:0:_mux_mlen} _mux_nul=
				[[ -n $_mux_text ]] ||
				    printf %s "$MUX_TEXT" >|"$_mux_body"
			fi
		fi
		_mux_status=0 MUX_REPLY=
		if [[ -z $_mux_text ]]; then
			"$_mux_function" "${_mux_args[@]}" <"$_mux_body" ||
			    _mux_status=$?
		elif [[ -z $_mux_nul ]]; then
			"$_mux_function" "${_mux_args[@]}" || _mux_status=$?
		else
			echo "a body with NUL bytes is no text" >&2
			_mux_status=65
		fi
		if [[ -n $_mux_reply ]]; then
			printf '%s %s %s\n%s' "$MUX_ID" "$_mux_status" \
			    "${#MUX_REPLY}" "$MUX_REPLY" >&"$_mux_out"
			continue
		fi
		if IFS= read -r -u "$_mux_cap" -d '' _mux_part; then
			_mux_answer_binary
			continue
		fi
		printf '%s %s %s\n%s' "$MUX_ID" "$_mux_status" \
		    "${#_mux_part}" "$_mux_part" >&"$_mux_out"
		((_mux_at += ${#_mux_part}, _mux_at < 1048576)) ||
		    _mux_rewind
	done
}

mux_worker() {
	LC_ALL=C
	_mux_text= _mux_reply=
	while [[ ${1-} == -[rt] ]]; do
		_mux_text=1
		[[ $1 == -t ]] || _mux_reply=1
		shift
	done
	if [[ $# != 1 ]] || ! declare -F -- "$1" >/dev/null; then
		echo "usage: mux_worker [-rt] FUNCTION" >&2
		return 2
	fi
	_mux_function=$1
	_mux_temp || return
	_mux_body=$_mux_file
	_mux_temp || return
	_mux_said=$_mux_file
	export MUX_METHOD= MUX_ID= MUX_DEADLINE_MS= MUX_BODY=
	MUX_TEXT= MUX_REPLY=
	[[ -n $_mux_text ]] || MUX_BODY=$_mux_body
	exec {_mux_in}<&0 {_mux_out}>&1 </dev/null >>"$_mux_said"
	_mux_cap=
	_mux_rewind
	[[ -z $_mux_reply ]] || exec >&2
	# It ends at the end of what there is to read.
	_mux_loop || :
}
