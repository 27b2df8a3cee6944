# Services as people run them, and their own clients, through a tunnel.  Each
# is started here, on a free port or a unix socket of the test's own folder,
# and ended by its pid; one that is not installed skips its tests by name.

setup_file() {
	export BATS_TEST_TIMEOUT=120
}

setup() {
	load helper
	load real
	begin
}

teardown() {
	[ -z "$SOCK" ] || postgres_down
	finish
}

# ---- nginx, curl ----

# N MiB of random bytes at $PORT/data.
nginx_up() {	# N
	local user=
	needs nginx curl
	[ "$(id -u)" -ne 0 ] || user="user root;"
	mkdir www
	head -c "$(($1 << 20))" /dev/urandom >www/data
	cat >nginx.template <<-END
	$user
	daemon off;
	master_process off;
	pid $PWD/nginx.id;
	error_log $PWD/error.log;
	events { worker_connections 256; }
	http {
		access_log off;
		sendfile on;
		client_body_temp_path $PWD/t1;
		proxy_temp_path $PWD/t2;
		fastcgi_temp_path $PWD/t3;
		uwsgi_temp_path $PWD/t4;
		scgi_temp_path $PWD/t5;
		server { listen 127.0.0.1:@PORT@; root $PWD/www; }
	}
	END
	on_free_port nginx_try
}

nginx_try() {
	sed "s/@PORT@/$PORT/" nginx.template >nginx.conf
	spawn nginx.out nginx -p "$PWD" -e "$PWD/error.log" \
	    -c "$PWD/nginx.conf"
	answers_at "$PORT"
}

web() {	# NAME OPTION...
	curl -sS --max-time 60 "${@:2}" "http://$WEB/$1"
}

nginx_tunnel() {
	nginx_up "$1"
	serve -T web=tcp:127.0.0.1:"$PORT"
	tunnel -L 0=web
	WEB=${ADDR#tcp:}
}

@test "nginx and curl: 256 MiB arrive with their hash" {
	nginx_tunnel 256
	[ "$(web data | sha256sum)" = "$(sha256sum <www/data)" ]
}

@test "nginx and curl: a range, what is not there, an empty file" {
	nginx_tunnel 2
	web data -r 1000000-1065535 | cmp - \
	    <(tail -c +1000001 www/data | head -c 65536)
	[ "$(web nothing -o /dev/null -w '%{http_code}')" = 404 ]
	: >www/empty
	[ "$(web empty | wc -c)" -eq 0 ]
}

@test "nginx and curl: one connection serves several requests" {
	nginx_tunnel 1
	mapfile -t conns < <(web 'data?[1-20]' -o '#1' -w '%{num_connects}\n')
	[ "${#conns[@]}" -eq 20 ]
	[ "$(printf '%s\n' "${conns[@]}" | grep -c 1)" -eq 1 ]
	for i in {1..20}; do
		cmp "$i" www/data
	done
	end tunnel.pid
	end serve.pid
	[ "$(grep -c -- "-> web" serve.log)" -eq 1 ]
}

@test "nginx and curl: fifty at once, equal hashes" {
	nginx_tunnel 2
	want=$(sha256sum <www/data)
	for i in {1..50}; do
		web data -o "got.$i" 3>&- &
		PIDS+=($!)
	done
	wait "${PIDS[@]:(-50)}"
	for i in {1..50}; do
		[ "$(sha256sum <"got.$i")" = "$want" ]
	done
	end tunnel.pid
	end serve.pid
	[ "$(grep -c -- "-> web.* fin" serve.log)" -eq 50 ]
}

@test "nginx and curl: whoever hangs up in the middle harms nobody" {
	nginx_tunnel 64
	for i in {1..10}; do
		web data --max-filesize 100G -r 0-100000000 |
		    head -c 1000000 >/dev/null || :
	done
	web data | cmp - www/data
}

@test "curl: a web server that is not there is no empty answer" {
	needs curl
	serve -T web=tcp:127.0.0.1:1
	tunnel -L 0=web
	run curl -sS --max-time 60 "http://${ADDR#tcp:}/"
	# Reset while receiving, sending or connecting; 52 would be an end.
	[[ $status == 56 || $status == 55 || $status == 7 ]]
}

# ---- PostgreSQL ----

# A cluster of its own on a unix socket; no TCP, so no port to be taken.
postgres_up() {
	local dir
	dir=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	PATH=$PATH:$dir
	needs initdb postgres psql pgbench setpriv
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
	mkdir pg
	AS=()
	if [ "$(id -u)" -eq 0 ]; then
		chown postgres pg
		AS=(setpriv --reuid postgres --regid postgres --init-groups)
	fi
	# The name of the socket would be too long down there.
	SOCK=$(mktemp -d "${TMPDIR:-/tmp}/mux-pg.XXXXXX")
	[ "$(id -u)" -ne 0 ] || chown postgres "$SOCK"
	"${AS[@]}" initdb -D pg -U postgres -A trust --no-sync >initdb.out
	cat >>pg/postgresql.conf <<-END
	listen_addresses = ''
	unix_socket_directories = '$SOCK'
	fsync = off
	max_connections = 40
	END
	spawn postgres.out "${AS[@]}" postgres -D pg
	await pg_isready -q -h "$SOCK"
	export PGUSER=postgres PGDATABASE=postgres
}

# Fast shutdown; its own children end with it.
postgres_down() {
	local pid
	if read -r pid <pg/postmaster.pid; then
		kill -INT "$pid"
		gone "$pid"
	fi
	rm -rf "$SOCK"
	SOCK=
}

@test "PostgreSQL: psql, a large result with its md5, pgbench -c 8" {
	postgres_up
	serve -T db=unix:"$SOCK"/.s.PGSQL.5432
	tunnel -L 0=db
	export PGHOST=127.0.0.1 PGPORT=${ADDR##*:}
	[ "$(psql -Atc 'select 6 * 7')" = 42 ]
	query="select i, md5(i::text) from generate_series(1, 300000) i"
	[ "$(psql -Atc "$query" | md5sum)" = \
	    "$(psql -h "$SOCK" -p 5432 -Atc "$query" | md5sum)" ]
	head -c 3000000 /dev/urandom | base64 -w 76 >lines
	psql -qc 'create table t (i serial, line text)'
	psql -qc '\copy t (line) from lines'
	psql -Atc '\copy (select line from t order by i) to stdout' |
	    cmp - lines
	run psql -Atc 'select 1/0'
	[ "$status" -eq 1 ]
	pgbench -i -q -s 1 2>/dev/null
	pgbench -c 8 -j 2 -t 100 -n >bench
	grep -q "number of transactions actually processed: 800/800" bench
	[ "$(psql -Atc 'select sum(bbalance) = (select sum(abalance) from
	    pgbench_accounts) from pgbench_branches')" = t ]
	echo "# pgbench -c 8: $(grep ^tps bench)" >&3
}

# ---- redis ----

redis_up() {
	needs redis-server redis-cli redis-benchmark
	spawn redis.out redis-server --port 0 --save "" --dir "$PWD" \
	    --unixsocket "$PWD/redis.sock" --daemonize no
	await test -S redis.sock
	await says redis.out "ready to accept\|Ready to accept"
}

@test "redis: PING, large values, redis-benchmark" {
	redis_up
	serve -T cache=unix:"$PWD"/redis.sock
	tunnel -L 0=cache
	port=${ADDR##*:}
	[ "$(redis-cli -p "$port" ping)" = PONG ]
	head -c 20000000 /dev/urandom >value
	[ "$(redis-cli -p "$port" -x set big <value)" = OK ]
	redis-cli -p "$port" --raw get big | head -c 20000000 | cmp - value
	redis-benchmark -p "$port" -n 20000 -c 50 -q -t set,get,lrange_100 \
	    >bench
	[ "$(tr '\r' '\n' <bench | grep -c "requests per second")" -ge 3 ]
	redis-benchmark -p "$port" -n 100000 -P 64 -c 50 -q -t set,get >bench2
	tr '\r' '\n' <bench | grep "per second" | sed 's/^/# /' >&3
	# Bytes in order for a client that pipelines on one connection.
	seq 1 50000 | sed 's/.*/SET key& &/' | redis-cli -p "$port" --pipe \
	    >pipe
	grep -q "errors: 0, replies: 50000" pipe
	[ "$(redis-cli -p "$port" get key31415)" = 31415 ]
}

@test "redis: a subscriber waits beside others, and hears at once" {
	redis_up
	serve -T cache=unix:"$PWD"/redis.sock
	tunnel -L 0=cache
	port=${ADDR##*:}
	spawn heard redis-cli -p "$port" subscribe news
	await says heard subscribe
	[ "$(redis-cli -p "$port" publish news hello)" = 1 ]
	await says heard hello
}

# ---- iperf3 ----

@test "iperf3: eight streams, both directions" {
	needs iperf3 jq
	on_free_port iperf_try
	serve -T perf=tcp:127.0.0.1:"$PORT"
	tunnel -L 0=perf
	for way in "" -R --bidir; do
		iperf3 -c 127.0.0.1 -p "${ADDR##*:}" -P 8 -t 1 -J $way >report
		jq -e '.error == null and .end.sum_received.bytes > 1000000 and
		    (.end.streams | length) >= 8' report >/dev/null
		jq -r '.end.sum_received.bits_per_second / 1e7 | round |
		    "# iperf3 -P 8 '"$way"': \(. / 100) Gbit/s"' report >&3
	done
}

iperf_try() {
	spawn iperf.out iperf3 -s -B 127.0.0.1 -p "$PORT" --forceflush
	await says_or_gone iperf.out listening
	says iperf.out listening
}

# ---- ssh ----

sshd_up() {
	needs sshd ssh ssh-keygen
	SSHD=$(command -v sshd)
	ssh-keygen -q -t ed25519 -N "" -f host_key
	ssh-keygen -q -t ed25519 -N "" -f id
	cp id.pub authorized
	chmod 600 authorized
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	cat >sshd.template <<-END
	ListenAddress 127.0.0.1:@PORT@
	HostKey $PWD/host_key
	AuthorizedKeysFile $PWD/authorized
	PidFile none
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	PermitRootLogin yes
	AllowTcpForwarding yes
	Subsystem sftp internal-sftp
	END
	on_free_port sshd_try
	cat >ssh.conf <<-END
	Host *
	IdentityFile $PWD/id
	IdentitiesOnly yes
	BatchMode yes
	UserKnownHostsFile $PWD/known
	StrictHostKeyChecking accept-new
	LogLevel ERROR
	ProxyCommand $MUXCTL tunnel -a unix:$PWD/up.sock -W [%h]:%p
	END
}

sshd_try() {
	sed "s/@PORT@/$PORT/" sshd.template >sshd.conf
	spawn sshd.out "$SSHD" -D -e -f "$PWD/sshd.conf"
	await says_or_gone sshd.out "Server listening"
	says sshd.out "Server listening"
}

@test "ssh by ProxyCommand: status 7 arrives, 10 MB both ways, sftp" {
	sshd_up
	serve --allow-target "tcp:127.0.0.1:$PORT"
	to=(-F ssh.conf -p "$PORT" "$(id -un)@127.0.0.1")
	run ssh "${to[@]}" 'echo there; exit 7'
	said 7 there
	head -c 10000000 /dev/urandom >data
	ssh "${to[@]}" cat <data | cmp - data
	ssh "${to[@]}" "cat $PWD/data" | cmp - data
	echo "get $PWD/data copy" |
	    sftp -q -F ssh.conf -P "$PORT" -b - "$(id -un)@127.0.0.1" \
	    >/dev/null
	cmp copy data
	# An address of IPv6 in brackets, and one that is not allowed.
	run ssh -F ssh.conf -p "$PORT" ::1 true
	[ "$status" -eq 255 ]
	await says serve.log "tcp:\[::1\]:$PORT.*not permitted"
}

# ---- neighbours ----

@test "socat at both ends, and between" {
	needs socat
	target reply
	head -c 3000000 /dev/urandom >data
	serve -T t=tcp:127.0.0.1:"$PORT" -T cat=exec:cat
	tunnel -L ./l.sock=t -L ./cat.sock=cat
	[ "$(socat -t 60 - UNIX-CONNECT:l.sock <data)" = "got 3000000 bytes" ]
	socat -t 60 - UNIX-CONNECT:cat.sock <data | cmp - data
	# socat as the carrier: a program with two ends.
	[ "$(muxctl tunnel -a "exec:socat -t 60 - UNIX-CONNECT:$PWD/up.sock" \
	    -W t <data)" = "got 3000000 bytes" ]
}

@test "haproxy in front of two tunnels, and checks of its own" {
	needs haproxy curl
	nginx_up 2
	serve -T web=tcp:127.0.0.1:"$PORT"
	tunnel -L 0=web
	first=${ADDR#tcp:}
	muxctl tunnel -a unix:up.sock -L 0=web --print-addr=second.addr \
	    --background=second.pid --log second.log
	read -r second <second.addr
	cat >haproxy.template <<-END
	defaults
		mode tcp
		option redispatch 1
		timeout connect 10s
		timeout client 60s
		timeout server 60s
	listen front
		bind 127.0.0.1:@PORT@
		balance roundrobin
		server a $first check inter 50ms
		server b ${second#tcp:} check inter 50ms
	END
	on_free_port haproxy_try
	WEB=127.0.0.1:$PORT
	for i in {1..10}; do
		web data | cmp - www/data
	done
	# Whoever only looks is not an error, and the other one takes over.
	end second.pid
	for i in {1..10}; do
		web data | cmp - www/data
	done
}

haproxy_try() {
	sed "s/@PORT@/$PORT/" haproxy.template >haproxy.cfg
	spawn haproxy.out haproxy -db -f haproxy.cfg
	answers_at "$PORT"
}
