/*
 * The floor: what the kernel alone costs. Accepts C WebSocket connections, then every interval copies as many
 * fragments of the size that the service sends side by side into one buffer per client, and calls send() once.
 *
 *   floor <connections> <interval ms> <every> <fragments per frame> <payload bytes per frame>
 *
 * Intervals begin at multiples of their length by the wall clock, as the service's turns do, and each frame carries
 * that moment. In each interval every `every`-th client has a frame, another one each time.
 * Prints "listening <port>" and begins when all are connected.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SYMBOLS 500
/* array16, and the stamp as a msgpack uint64 */
#define PREFIX 12

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* SHA-1 of the key is not checked by the load client: any answer with 101 will do. */
static const char ANSWER[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";

static void accept_all(int server, int *clients, int connections) {
  int on = 1;
  for (int i = 0; i < connections; i++) {
    clients[i] = accept(server, NULL, NULL);
    if (clients[i] < 0) fail("accept");
    char request[8192];
    if (read(clients[i], request, sizeof request) <= 0) fail("request");
    if (write(clients[i], ANSWER, sizeof ANSWER - 1) < 0) fail("answer");
    setsockopt(clients[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(clients[i], F_SETFL, O_NONBLOCK);
  }
}

static size_t header(uint8_t *frame, int payload, int fragments) {
  size_t at = 0;
  frame[at++] = 0x82;
  if (payload < 126) {
    frame[at++] = (uint8_t)payload;
  } else if (payload < 65536) {
    frame[at++] = 126;
    frame[at++] = (uint8_t)(payload >> 8);
    frame[at++] = (uint8_t)payload;
  } else {
    frame[at++] = 127;
    for (int shift = 56; shift >= 0; shift -= 8) frame[at++] = (uint8_t)((uint64_t)payload >> shift);
  }
  frame[at] = 0xdc;
  frame[at + 1] = (uint8_t)(fragments >> 8);
  frame[at + 2] = (uint8_t)fragments;
  frame[at + 3] = 0xcf;
  return at;
}

/* The next multiple of the interval, µs since the epoch; waits for it. */
static int64_t wait_for_turn(int interval) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t step = (int64_t)interval * 1000, us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  int64_t next = (us / step + 1) * step;
  struct timespec until = {.tv_sec = next / 1000000, .tv_nsec = next % 1000000 * 1000};
  while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) != 0) continue;
  return next;
}

int main(int count, char **arguments) {
  if (count != 6) return 2;
  int connections = atoi(arguments[1]), interval = atoi(arguments[2]), every = atoi(arguments[3]);
  int fragments = atoi(arguments[4]), payload = atoi(arguments[5]);
  if (payload < PREFIX + fragments) payload = PREFIX + fragments;
  int size = (payload - PREFIX) / fragments;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 4096) != 0) fail("listen");
  socklen_t length = sizeof address;
  getsockname(server, (struct sockaddr *)&address, &length);
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
  int *clients = malloc(sizeof(int) * (size_t)connections);
  accept_all(server, clients, connections);

  /* Never 0xcf: the stamp is looked for by that byte. */
  uint8_t *sources = malloc((size_t)SYMBOLS * (size_t)size);
  for (int i = 0; i < SYMBOLS * size; i++) sources[i] = (uint8_t)(i & 0x7f);
  int *chosen = malloc(sizeof(int) * (size_t)connections * (size_t)fragments);
  unsigned seed = 7;
  for (int64_t i = 0; i < (int64_t)connections * fragments; i++) {
    seed = seed * 1664525u + 1013904223u;
    chosen[i] = (int)((seed >> 8) % SYMBOLS);
  }
  uint8_t *frame = calloc(1, (size_t)payload + 10);
  size_t begin = header(frame, payload, fragments);
  for (int turn = 0;; turn++) {
    int64_t stamp = wait_for_turn(interval);
    for (int i = 0; i < 8; i++) frame[begin + 4 + (size_t)i] = (uint8_t)(stamp >> (56 - 8 * i));
    for (int c = turn % every; c < connections; c += every) {
      uint8_t *to = frame + begin + PREFIX;
      const int *of = chosen + (size_t)c * (size_t)fragments;
      for (int k = 0; k < fragments; k++, to += size) memcpy(to, sources + (size_t)of[k] * (size_t)size, (size_t)size);
      ssize_t sent = send(clients[c], frame, begin + (size_t)payload, MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent != (ssize_t)begin + payload) fail("short send: the clients do not keep up");
    }
  }
}
