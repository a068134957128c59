#!/bin/sh
# Brings docker-compose.yml up for real where neither Docker nor IPVS is to be had: Debian's dockerd
# inside the lab kernel (user-mode-linux). Shows that the two pages take turns through the virtual IP,
# kills the master's container, and shows that they still do.
#
#   test/drill/compose-in-uml.sh        as root on Debian 12; 3 to 5 minutes the first time
#
# There is no registry in there, so the image that `docker build .` would make is put together by
# hand: a debootstrap base with the Dockerfile's packages, Node.js from node_modules, and lvsd with its
# production dependencies; it travels as one tar. Compose v2 is Debian trixie's (bookworm has only
# version 1); it needs nothing but libc, so it is unpacked rather than installed.
#
# Kept for the next run in CACHE (default /var/tmp/lvsd-compose): base.tar, docker-compose.
# Exit status: 0 everything shown, 1 something was not.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
CACHE=${LVSD_COMPOSE_CACHE:-/var/tmp/lvsd-compose}
node=$root/node_modules/node/bin/node
vip=192.168.10.188

# Where this machine gets its packages from.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' | sed -n 's/ bookworm$//p' | head -n 1)

say() { printf '\n== %s\n' "$*"; }

install_packages() {
  "$root/setup" drill
  missing=
  command -v dockerd >/dev/null || missing="$missing docker.io"
  command -v debootstrap >/dev/null || missing="$missing debootstrap"
  command -v iptables-legacy >/dev/null || missing="$missing iptables"
  [ -z "$missing" ] && return
  say "installing$missing"
  # shellcheck disable=SC2086 # one word per package
  apt-get -q update && DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends $missing
}

fetch_compose() {
  [ -x "$CACHE/docker-compose" ] && return
  say 'fetching docker-compose 2 from Debian trixie'
  apt=$(mktemp -d)
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" \
    >"$apt/sources.list"
  for action in update 'download docker-compose'; do
    # shellcheck disable=SC2086 # the action and its argument
    (cd "$apt" && apt-get -q -o Dir::Etc::sourcelist="$apt/sources.list" \
      -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists" \
      -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root $action)
  done
  dpkg-deb -x "$apt"/docker-compose_*.deb "$apt/unpacked"
  cp "$apt/unpacked/usr/libexec/docker/cli-plugins/docker-compose" "$CACHE/docker-compose"
  rm -rf "$apt"
}

make_base() {
  [ -e "$CACHE/base.tar" ] && return
  say 'making the base image with debootstrap'
  base=$(mktemp -d)
  debootstrap --variant=minbase --include=curl,iproute2,ipvsadm,libatomic1,libstdc++6 \
    bookworm "$base/root" "$mirror" >"$CACHE/debootstrap.log"
  rm -rf "$base"/root/var/cache/apt/* "$base"/root/var/lib/apt/lists/*
  tar -C "$base/root" -cf "$CACHE/base.tar.part" .
  mv "$CACHE/base.tar.part" "$CACHE/base.tar"
  rm -rf "$base"
}

# What the Dockerfile does on top of its base.
make_image() {
  say 'putting the image together'
  image=$(mktemp -d)
  mkdir -p "$image/opt/lvsd" "$image/usr/local/bin"
  cp package.json package-lock.json .npmrc "$image/opt/lvsd"
  (cd "$image/opt/lvsd" && npm ci --omit=dev --ignore-scripts)
  cp -R bin conf src "$image/opt/lvsd"
  cp "$node" "$image/usr/local/bin/node"
  ln -s /opt/lvsd/bin/lvsd "$image/usr/local/bin/lvsd"
  cp "$CACHE/base.tar" "$CACHE/image.tar"
  # The directories of the base are in the tar already, and docker refuses a path that comes twice.
  (cd "$image" && tar -rf "$CACHE/image.tar" ./opt/lvsd \
    ./usr/local/bin/node ./usr/local/bin/lvsd)
  rm -rf "$image"
}

# ---- inside the lab kernel ----

prepare_kernel() {
  for module in overlay br_netfilter veth bridge xt_MASQUERADE xt_addrtype xt_conntrack \
    iptable_nat iptable_filter ip_vs ip_vs_rr; do
    modprobe "$module" || echo "module $module is not there"
  done
  mkdir -p /etc/docker 2>/dev/null || true
  [ -d /etc/docker ] && mount -t tmpfs none /etc/docker
  mount -t tmpfs none /sys/fs/cgroup
  for controller in cpu cpuacct blkio memory devices freezer net_cls pids; do
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" none "/sys/fs/cgroup/$controller" ||
      rmdir "/sys/fs/cgroup/$controller"
  done
  # The lab kernel has no nft_chain_nat; docker is content with the legacy programs.
  mkdir -p /run/bin /run/docker-data
  for program in iptables ip6tables iptables-save iptables-restore; do
    ln -s "/usr/sbin/$(echo "$program" | sed 's/tables/tables-legacy/')" "/run/bin/$program"
  done
  PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export PATH DOCKER_HOST=unix:///run/docker.sock DOCKER_CONFIG=/run/docker-config
}

# until_true SECONDS COMMAND…: looks again and again, and fails when the time is over.
until_true() {
  seconds=$1
  shift
  end=$(($(date +%s) + seconds))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || { echo "not within $seconds s: $*"; return 1; }
    sleep 0.2
  done
}

compose() { "$CACHE/docker-compose" -f "$root/docker-compose.yml" --progress quiet --ansi never "$@"; }
on() { node=$1; shift; compose exec -T "$node" "$@"; }
holds_vip() { on "$1" ip -4 -o address show | grep -q " $vip/"; }
table_is_whole() { [ "$(on "$1" ipvsadm -Ln | grep -c Route)" -eq 2 ]; }
page() { on client curl -s --max-time 2 "http://$vip/"; }

# Both pages, in turn.
show_pages() {
  last=
  for _ in 1 2 3 4 5 6; do
    now=$(page) || { echo "no answer"; return 1; }
    echo "$now"
    [ "$now" != "$last" ] || { echo 'the same page twice'; return 1; }
    last=$now
  done
}

milliseconds() { date +%s%3N; }

inside() {
  prepare_kernel
  say 'dockerd'
  dockerd --data-root /run/docker-data --exec-root /run/docker-exec --pidfile /run/docker.pid \
    -H "$DOCKER_HOST" --storage-driver overlay2 >/run/dockerd.log 2>&1 &
  until_true 60 docker info || { tail -n 20 /run/dockerd.log; return 1; }
  docker version --format 'docker {{.Server.Version}} on {{.Server.KernelVersion}}'
  compose version
  docker import -c 'WORKDIR /opt/lvsd' -c 'ENTRYPOINT ["lvsd"]' \
    -c 'CMD ["run", "-f", "/etc/lvsd/lvs.conf"]' "$CACHE/image.tar" lvsd

  say 'compose up'
  compose up -d --no-build
  until_true 90 holds_vip director1 && until_true 60 table_is_whole director1 &&
    until_true 60 table_is_whole director2 || { compose logs; return 1; }
  compose ps
  on director1 ipvsadm -Ln
  on director1 lvsd status
  say 'the client, through the virtual IP'
  show_pages

  say 'compose kill director1'
  killed=$(milliseconds)
  compose kill -s SIGKILL director1
  until_true 30 holds_vip director2
  until_true 10 page
  echo "the VIP is on director2 and answers, $(($(milliseconds) - killed)) ms after the order to kill"
  on director2 ipvsadm -Ln
  show_pages

  say 'director1 is back'
  compose start director1
  until_true 90 holds_vip director1
  until_true 30 table_is_whole director1
  show_pages

  say 'compose stop'
  compose stop director1
  compose logs --no-log-prefix director1 | tail -n 3
  holds_vip director2
  show_pages
  compose down
  say 'all shown'
}

if [ "${1:-}" = inside ]; then
  # A function's failure must count although `inside` is followed by nothing that tests it.
  inside
  exit
fi
mkdir -p "$CACHE"
install_packages
fetch_compose
make_base
make_image
say 'booting the lab kernel'
exec "$node" "$root/test/drill/run-in-lab-kernel.ts" 8G "$root" "$CACHE" -- \
  /usr/bin/env "LVSD_COMPOSE_CACHE=$CACHE" /bin/sh "$root/test/drill/compose-in-uml.sh" inside
