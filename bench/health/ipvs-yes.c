/*
 * Lets keepalived's checker run where the kernel has no IPVS: loaded before libc, it says yes to every IPVS
 * command of the socket interface, which keepalived takes when there is no generic netlink family of that
 * name. So its checks can be measured natively, with the same piece left away as of lvsd: the table.
 * With LVSD_BENCH_TABLE=FILE it appends `ADDRESS PORT NS` (CLOCK_MONOTONIC) for every server that leaves.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int is_ipvs(int level, int name) {
  return level == IPPROTO_IP && name >= IP_VS_BASE_CTL && name <= IP_VS_SO_SET_MAX;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
  if (is_ipvs(level, name)) {
    memset(value, 0, *length);
    if (name == IP_VS_SO_GET_INFO && *length >= sizeof(struct ip_vs_getinfo)) {
      struct ip_vs_getinfo *info = value;
      info->version = IP_VS_VERSION_CODE;
      info->size = 4096;
    }
    return 0;
  }
  static int (*next)(int, int, int, void *, socklen_t *);
  if (next == NULL) next = dlsym(RTLD_NEXT, "getsockopt");
  return next(fd, level, name, value, length);
}

static void note(const void *value) {
  static FILE *file;
  struct ip_vs_dest_user server;
  struct timespec now;
  char address[INET_ADDRSTRLEN];
  const char *path = getenv("LVSD_BENCH_TABLE");
  if (path == NULL) return;
  if (file == NULL && (file = fopen(path, "ae")) == NULL) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  memcpy(&server, (const char *)value + sizeof(struct ip_vs_service_user), sizeof server);
  inet_ntop(AF_INET, &server.addr, address, sizeof address);
  fprintf(file, "%s %u %lld\n", address, ntohs(server.port),
          (long long)now.tv_sec * 1000000000 + now.tv_nsec);
  fflush(file);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
  if (is_ipvs(level, name)) {
    if (name == IP_VS_SO_SET_DELDEST) note(value);
    return 0;
  }
  static int (*next)(int, int, int, const void *, socklen_t);
  if (next == NULL) next = dlsym(RTLD_NEXT, "setsockopt");
  return next(fd, level, name, value, length);
}
