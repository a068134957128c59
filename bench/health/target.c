/*
 * The servers of the health bench: one process is all of them, on every address of 127.0.0.0/8, and does as
 * little as a server can. It writes down when each connection came and for which address; and it reads the
 * table of the kernel, where there is one, to see how long a dead server stayed in it.
 *
 *   target PORT VICTIM_PORT VICTIMS
 *
 * Listens on PORT, and on VICTIMS ports from VICTIM_PORT on, each of which can be closed alone. A request is
 * answered with a small page and the connection closed, as keepalived's HTTP/1.0 wants it.
 * One command a line on stdin, one line of answer each on stdout:
 *
 *   clear          forget what was written down
 *   dump FILE      what was: 4 bytes of address, 4 of port, 8 of CLOCK_MONOTONIC in ns, little-endian
 *   kill I         close the victim's port; says when, ns
 *   watch I HEX    the same, and wait until /proc/net/ip_vs does not have HEX any more; says when, and when gone
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VICTIMS_MAX 256
#define EVENTS_MAX 512
#define LISTENER (UINT64_C(1) << 32)
#define WATCH_MS 2

struct arrival {
  uint32_t address, port;
  uint64_t ns;
};

static struct arrival *arrivals;
static size_t count, room;
static int victims[VICTIMS_MAX];
static int poller;
static char watched[32];
static uint64_t killed_ns;

static const char page[] =
    "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\nwelcome to lvsd\n";

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int fd, uint64_t data) {
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static int listen_on(int port) {
  const int on = 1;
  const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&any, sizeof any) != 0) die("bind");
  if (listen(fd, 4096) != 0) die("listen");
  watch(fd, LISTENER | (uint64_t)fd);
  return fd;
}

static void note(int fd, uint64_t ns) {
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  if (getsockname(fd, (struct sockaddr *)&own, &length) != 0) return;
  if (count == room) {
    room = room == 0 ? 1 << 16 : room * 2;
    arrivals = realloc(arrivals, room * sizeof *arrivals);
    if (arrivals == NULL) die("realloc");
  }
  arrivals[count++] = (struct arrival){ ntohl(own.sin_addr.s_addr), ntohs(own.sin_port), ns };
}

static void accept_all(int listener) {
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    note(fd, now_ns());
    watch(fd, (uint64_t)fd);
  }
}

static void serve(int fd) {
  char request[4096];
  const ssize_t length = recv(fd, request, sizeof request, 0);
  if (length < 0 && errno == EAGAIN) return;
  /* Requests of checkers are small: they come in one piece. */
  if (length > 0) send(fd, page, sizeof page - 1, MSG_NOSIGNAL);
  close(fd);
}

static void dump(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) die(path);
  fwrite(arrivals, sizeof *arrivals, count, file);
  fclose(file);
  printf("%zu\n", count);
}

static void obey(char *line) {
  int victim;
  char word[256];
  if (strcmp(line, "clear") == 0) {
    count = 0;
    puts("cleared");
  } else if (sscanf(line, "dump %255s", word) == 1) {
    dump(word);
  } else if (sscanf(line, "kill %d", &victim) == 1) {
    close(victims[victim]);
    printf("%llu\n", (unsigned long long)now_ns());
  } else if (sscanf(line, "watch %d %31s", &victim, watched) == 2) {
    close(victims[victim]);
    killed_ns = now_ns();
  } else {
    puts("what?");
  }
}

static void read_commands(void) {
  static char text[4096];
  static size_t length;
  const ssize_t more = read(0, text + length, sizeof text - 1 - length);
  if (more <= 0) exit(0);
  length += (size_t)more;
  text[length] = '\0';
  char *start = text;
  for (char *end; (end = strchr(start, '\n')) != NULL; start = end + 1) {
    *end = '\0';
    obey(start);
  }
  length -= (size_t)(start - text);
  memmove(text, start, length);
}

/* Whether the table has the watched server still. */
static void look(void) {
  static char table[1 << 20];
  size_t length = 0;
  const int fd = open("/proc/net/ip_vs", O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("/proc/net/ip_vs");
  for (ssize_t more; (more = read(fd, table + length, sizeof table - 1 - length)) > 0;) length += (size_t)more;
  close(fd);
  table[length] = '\0';
  if (strstr(table, watched) != NULL) return;
  watched[0] = '\0';
  printf("%llu %llu\n", (unsigned long long)killed_ns, (unsigned long long)now_ns());
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  poller = epoll_create1(EPOLL_CLOEXEC);
  listen_on(atoi(argv[1]));
  for (int index = 0; index < atoi(argv[3]) && index < VICTIMS_MAX; index += 1) {
    victims[index] = listen_on(atoi(argv[2]) + index);
  }
  watch(0, 0);
  puts("ready");
  for (;;) {
    struct epoll_event events[EVENTS_MAX];
    const int ready = epoll_wait(poller, events, EVENTS_MAX, watched[0] == '\0' ? -1 : WATCH_MS);
    for (int index = 0; index < ready; index += 1) {
      const uint64_t data = events[index].data.u64;
      const int fd = (int)(data & UINT32_MAX);
      if (fd == 0) read_commands();
      else if ((data & LISTENER) != 0) accept_all(fd);
      else serve(fd);
    }
    if (watched[0] != '\0') look();
  }
}
