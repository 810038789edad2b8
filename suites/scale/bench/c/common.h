/* What the yardstick client and server have in common. They are written to be
 * as fast as plain C over epoll is without tricks: one thread, one buffer, one
 * system call for each read and each write, as many events as there are for
 * each wait. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define LINE 62    /* bytes of a line, without its end */
#define PAYLOAD 64 /* bytes of a WebSocket message */

/* The counters are in a file that the program which measures maps too. */
struct counters {
	uint64_t connections; /* that were served at least once */
	uint64_t messages;    /* round trips */
};

static void die(const char *what) {
	perror(what);
	exit(1);
}

static volatile struct counters *counters_at(const char *path) {
	int fd = open(path, O_RDWR);
	if (fd < 0) die(path);
	void *p = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) die("mmap");
	close(fd);
	return p;
}

static void raise_limit(void) {
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static inline void mask_bytes(unsigned char *p, size_t n, uint32_t key) {
	uint64_t wide = (uint64_t)key << 32 | key, word;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		word ^= wide;
		memcpy(p, &word, 8);
	}
	for (size_t i = 0; i < n; i++) p[i] ^= key >> 8 * i;
}
