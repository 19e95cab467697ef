# SPDX-License-Identifier: Apache-2.0
# tests/lib/cli.sh: command-line tests read like a story: set-up, one action, expectations. Source it; it speaks TAP.
#
#   . "${srcdir:-.}/tests/lib/cli.sh"
#   run valise verify OUT --trust k.pub          # exit status, stdout, stderr go to $STATUS, $T/out, $T/err
#   exits 0; says "signature"; complains_not     # expectations about the last run
#   t_done
#
# $T is a fresh directory, removed at the end. VALISE is the program under test; `valise` runs it. HOME, XDG_* and VALISE_*
# point into $T. Helper processes are started with t_daemon and end with the test.
set -u
LC_ALL=C; export LC_ALL; umask 022
SRC=${srcdir:-.}; SRC=$(cd "$SRC" && pwd)
BUILD=${builddir:-.}; BUILD=$(cd "$BUILD" && pwd)
VALISE=${VALISE:-$BUILD/valise}
PATH=$PATH:/usr/sbin:/sbin; export PATH # nginx and ip, for who is not root
T=$(mktemp -d "${TMPDIR:-/tmp}/valise-test.XXXXXX")
T_HOME=$HOME; HOME=$T/home; mkdir -p "$HOME"
XDG_DATA_HOME=$HOME/data XDG_CONFIG_HOME=$HOME/config XDG_CACHE_HOME=$HOME/cache
XDG_RUNTIME_DIR=$HOME/run; mkdir -m 700 "$XDG_RUNTIME_DIR" # skopeo and podman look for log-ins there, too
VALISE_STORE=$T/store VALISE_CONFIG=$T/valise.conf; : >"$T/valise.conf"
export HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR VALISE_STORE VALISE_CONFIG VALISE
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY DOCKER_CONFIG NETRC SOURCE_DATE_EPOCH
T_N=0 T_BAD=0 T_PIDS= STATUS=0

t_cleanup() {
	for p in $T_PIDS; do kill "$p" 2>/dev/null; done
	chmod -R u+w "$T" 2>/dev/null; rm -rf "$T"
}
trap t_cleanup EXIT
trap 'exit 1' INT TERM

valise() { "$VALISE" "$@"; }
ok() { T_N=$((T_N + 1)); echo "ok $T_N - $1"; }
not_ok() {
	T_N=$((T_N + 1)); T_BAD=$((T_BAD + 1)); echo "not ok $T_N - $1"
	echo "# command: ${LAST:-}"; echo "# exit: $STATUS"
	[ -f "$T/out" ] && sed 's/^/# out: /' "$T/out" | head -n 20
	[ -f "$T/err" ] && sed 's/^/# err: /' "$T/err" | head -n 20
}
# check "name" COMMAND...: the command's success is the verdict
check() { t_name=$1; shift; if "$@" >"$T/check" 2>&1; then ok "$t_name"; else not_ok "$t_name"; sed 's/^/# /' "$T/check" | head -n 10; fi; }
run() { LAST="$*"; "$@" >"$T/out" 2>"$T/err" </dev/null; STATUS=$?; }
exits() { if [ "$STATUS" -eq "$1" ]; then ok "$LAST: exits $1"; else not_ok "$LAST: exits $1, not $STATUS"; fi; }
# says / complains PATTERN: a basic regular expression on stdout / stderr
says() { if grep -q -e "$1" "$T/out"; then ok "stdout has: $1"; else not_ok "stdout has: $1"; fi; }
says_not() { if grep -q -e "$1" "$T/out"; then not_ok "stdout has not: $1"; else ok "stdout has not: $1"; fi; }
says_nothing() { if [ -s "$T/out" ]; then not_ok "stdout is empty"; else ok "stdout is empty"; fi; }
complains() { if grep -q -e "$1" "$T/err"; then ok "stderr has: $1"; else not_ok "stderr has: $1"; fi; }
complains_not() { if [ -s "$T/err" ] && grep -q -e "${1:-.}" "$T/err"; then not_ok "stderr has not: ${1:-anything}"; else ok "stderr has not: ${1:-anything}"; fi; }
same() { if [ "$1" = "$2" ]; then ok "$3"; else not_ok "$3"; echo "# got:  $1"; echo "# want: $2"; fi; }
skip() { T_N=$((T_N + 1)); echo "ok $T_N # SKIP $1"; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
bail() { echo "Bail out! $1"; exit 1; }
t_done() { echo "1..$T_N"; [ "$T_BAD" -eq 0 ]; exit; }
need() { for t_c in "$@"; do command -v "$t_c" >/dev/null 2>&1 || skip_all "$t_c is not installed"; done; }
# A digest of a tree: names, types, modes, link targets, content. The lock file's time and the like do not count.
tree_of() {
	(cd "$1" 2>/dev/null || exit 0
	 find . -mindepth 1 ! -name lock -printf '%P %y %m %l\n' | sort
	 find . -type f ! -name lock -print0 | sort -z | xargs -0 -r sha256sum) | sha256sum | cut -d' ' -f1
}
# t_daemon COMMAND...: in the background until the test ends; output in $T/daemon.log
t_daemon() { "$@" >>"$T/daemon.log" 2>&1 </dev/null & T_PIDS="$T_PIDS $!"; T_LAST_PID=$!; }
# A free TCP port on loopback, in $PORT.
free_port() {
	PORT=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
}
# wait_port PORT: until something listens there (10 s)
wait_port() {
	t_i=0
	while ! python3 -c 'import socket,sys; socket.create_connection(("127.0.0.1",int(sys.argv[1])),1)' "$1" 2>/dev/null; do
		t_i=$((t_i + 1)); [ $t_i -lt 100 ] || bail "nothing listens on port $1"; sleep 0.1
	done
}
# eventually N COMMAND...: tries for N seconds. A server writes its log when the client has its answer already, so a log is
# asked with this.
eventually() {
	t_end=$(($(date +%s) + $1)); shift
	until "$@"; do
		[ "$(date +%s)" -le "$t_end" ] || return 1
		sleep 0.1
	done
}
# start_nginx ROOT: real nginx on 127.0.0.1:$NGINX_PORT serving ROOT, access log in $T/nginx/access.log
start_nginx() {
	free_port; NGINX_PORT=$PORT; mkdir -p "$T/nginx"
	cat >"$T/nginx/nginx.conf" <<CONF
daemon off; master_process off; pid $T/nginx/pid; error_log $T/nginx/error.log;
events { worker_connections 128; }
http {
	log_format t '\$request_method \$request_uri \$status \$body_bytes_sent range=\$http_range inm=\$http_if_none_match ims=\$http_if_modified_since';
	access_log $T/nginx/access.log t; default_type application/octet-stream;
	client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p; fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
	server { listen 127.0.0.1:$NGINX_PORT; root $1; etag on; }
}
CONF
	t_daemon "$(command -v nginx || echo /usr/sbin/nginx)" -c "$T/nginx/nginx.conf" -p "$T/nginx"
	wait_port "$NGINX_PORT"
}
# start_registry: real docker-registry on 127.0.0.1:$REGISTRY_PORT, files below $T/registry
start_registry() {
	free_port; REGISTRY_PORT=$PORT; mkdir -p "$T/registry"
	cat >"$T/registry.yml" <<CONF
version: 0.1
log: { accesslog: { disabled: false }, level: info }
storage: { filesystem: { rootdirectory: $T/registry }, delete: { enabled: true } }
http: { addr: "127.0.0.1:$REGISTRY_PORT" }
CONF
	t_daemon docker-registry serve "$T/registry.yml"
	wait_port "$REGISTRY_PORT"
}
