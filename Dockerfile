# lvsd and the few programs of the lab, for docker-compose.yml. Needs IPVS in the kernel of the host.
#
# BASE is any Debian 12 image with Node.js 22.19 or newer and npm:
#   docker build --build-arg BASE=my-node-on-debian .
ARG BASE=node:26-bookworm-slim
FROM ${BASE}

# iproute2, ipvsadm and curl are for people looking in; lvsd itself runs none of them.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      curl iproute2 ipvsadm libatomic1 \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/lvsd
COPY package.json package-lock.json .npmrc ./
# .npmrc silences npm for the sake of `npm run drill -- --json`; here its reasons are wanted.
RUN npm ci --omit=dev --loglevel=warn
COPY bin bin
COPY conf conf
COPY src src
RUN ln -s /opt/lvsd/bin/lvsd /usr/local/bin/lvsd

ENTRYPOINT ["lvsd"]
CMD ["run", "-f", "/etc/lvsd/lvs.conf"]
