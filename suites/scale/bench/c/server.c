/* A server for line echo and WebSocket echo over epoll, to compare others with:
 *
 *     server echo|websocket PORT COUNTERS
 *
 * A line comes back as Echoed: '…'; a message as it is. */
#include "common.h"

struct conn {
	uint32_t have; /* bytes of a message that is not complete */
	uint8_t open;  /* the opening handshake is over */
	uint8_t served;
	unsigned char in[512];
};

static struct conn *conns[1 << 20];
static volatile struct counters *count;

static uint32_t rol(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1(const unsigned char *p, size_t n, unsigned char out[20]) {
	uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
	unsigned char m[128] = {0};
	size_t blocks = n < 56 ? 1 : 2;
	memcpy(m, p, n);
	m[n] = 0x80;
	uint64_t bits = htobe64(n * 8);
	memcpy(m + blocks * 64 - 8, &bits, 8);
	for (size_t b = 0; b < blocks; b++) {
		for (int i = 0; i < 16; i++) memcpy(&w[i], m + b * 64 + i * 4, 4), w[i] = ntohl(w[i]);
		for (int i = 16; i < 80; i++) w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
		uint32_t a = h[0], bb = h[1], c = h[2], d = h[3], e = h[4];
		for (int i = 0; i < 80; i++) {
			uint32_t f, k;
			if (i < 20) f = (bb & c) | (~bb & d), k = 0x5A827999;
			else if (i < 40) f = bb ^ c ^ d, k = 0x6ED9EBA1;
			else if (i < 60) f = (bb & c) | (bb & d) | (c & d), k = 0x8F1BBCDC;
			else f = bb ^ c ^ d, k = 0xCA62C1D6;
			uint32_t t = rol(a, 5) + f + e + k + w[i];
			e = d, d = c, c = rol(bb, 30), bb = a, a = t;
		}
		h[0] += a, h[1] += bb, h[2] += c, h[3] += d, h[4] += e;
	}
	for (int i = 0; i < 5; i++) h[i] = htonl(h[i]), memcpy(out + 4 * i, &h[i], 4);
}

static void base64(const unsigned char *p, int n, char *out) {
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < n; i += 3) {
		uint32_t v = p[i] << 16 | (i + 1 < n ? p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
		*out++ = set[v >> 18], *out++ = set[v >> 12 & 63];
		*out++ = i + 1 < n ? set[v >> 6 & 63] : '=', *out++ = i + 2 < n ? set[v & 63] : '=';
	}
	*out = 0;
}

/* Each of these answers what begins at p, of n bytes, into out. It returns how
 * many bytes it has used; 0 while the message is not complete, -1 for an end. */
static int line(unsigned char *p, int n, char *out, int *size) {
	unsigned char *end = memchr(p, '\n', n);
	if (!end) return 0;
	int length = end - p;
	int text = length > 0 && p[length - 1] == '\r' ? length - 1 : length;
	if (text > 4000) return -1;
	memcpy(out, "Echoed: '", 9);
	memcpy(out + 9, p, text);
	memcpy(out + 9 + text, "'\r\n", 3);
	*size = text + 12;
	return length + 1;
}

static int handshake(unsigned char *p, int n, char *out, int *size) {
	char *end = memmem(p, n, "\r\n\r\n", 4);
	if (!end) return 0;
	*end = 0;
	char *key = strcasestr((char *)p, "\r\nSec-WebSocket-Key:");
	if (!key) return -1;
	key += 20;
	while (*key == ' ') key++;
	unsigned char text[61], digest[20];
	memcpy(text, key, 24);
	memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
	sha1(text, 60, digest);
	char accept[32];
	base64(digest, 20, accept);
	*size = sprintf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	return end + 4 - (char *)p;
}

static int message(unsigned char *p, int n, char *out, int *size) {
	if (n < 6) return 0;
	int length = p[1] & 127;
	if (length > 125 || !(p[1] & 128)) return -1; /* no need for more here */
	if (n < 6 + length) return 0;
	uint32_t key;
	memcpy(&key, p + 2, 4);
	int opcode = p[0] & 15;
	out[0] = (char)(opcode == 9 ? 0x8A : p[0]);
	out[1] = length;
	memcpy(out + 2, p + 6, length);
	mask_bytes((unsigned char *)out + 2, length, key);
	*size = 2 + length;
	return opcode == 8 ? -1 : 6 + length;
}

int main(int argc, char **argv) {
	if (argc != 4) return fprintf(stderr, "server echo|websocket PORT COUNTERS\n"), 2;
	int ws = !strcmp(argv[1], "websocket"), one = 1;
	count = counters_at(argv[3]);
	raise_limit();
	int ln = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(ln, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(ln, (void *)&at, sizeof at) || listen(ln, 4096)) die("listen");
	struct epoll_event e = {.events = EPOLLIN, .data.fd = ln}, events[EVENTS];
	epoll_ctl(ep, EPOLL_CTL_ADD, ln, &e);
	static unsigned char in[65536];
	static char out[131072];
	for (;;) {
		int n = epoll_wait(ep, events, EVENTS, -1);
		for (int k = 0; k < n; k++) {
			int fd = events[k].data.fd;
			if (fd == ln) {
				for (int i = 0; i < 64; i++) {
					int c = accept4(ln, NULL, NULL, SOCK_NONBLOCK);
					if (c < 0) break;
					setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					conns[c] = calloc(1, sizeof **conns);
					struct epoll_event e = {.events = EPOLLIN, .data.fd = c};
					epoll_ctl(ep, EPOLL_CTL_ADD, c, &e);
				}
				continue;
			}
			struct conn *c = conns[fd];
			int got = recv(fd, in, sizeof in, 0);
			if (got <= 0) {
				if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
			end:
				close(fd);
				free(c);
				continue;
			}
			unsigned char *p = in;
			if (c->have) {
				if (c->have + got > (int)sizeof c->in) goto end;
				memcpy(c->in + c->have, in, got);
				got += c->have;
				p = c->in;
			}
			int at = 0, filled = 0;
			while (at < got && filled < (int)sizeof out - 8192) {
				int size = 0, used;
				if (!ws) used = line(p + at, got - at, out + filled, &size);
				else if (!c->open) used = handshake(p + at, got - at, out + filled, &size);
				else used = message(p + at, got - at, out + filled, &size);
				if (used < 0) goto end;
				if (used == 0) break;
				if (ws && !c->open) c->open = 1;
				else {
					count->messages++;
					if (!c->served) c->served = 1, count->connections++;
				}
				at += used;
				filled += size;
			}
			if (got - at > (int)sizeof c->in) goto end;
			memmove(c->in, p + at, got - at);
			c->have = got - at;
			if (filled && send(fd, out, filled, MSG_NOSIGNAL) != filled) goto end;
		}
	}
}
