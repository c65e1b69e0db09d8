// The bare loop that the media figures are held against: the same 5 ms cadence, sockets and packets, nothing else.
//   rtp_loop send N SECONDS SOURCE_PORT   reads N target ports, then "go", from stdin
//   rtp_loop recv N SECONDS PORT          CPU of receiving
//   rtp_loop sink N SECONDS PORT          gaps between the packets of each stream, by the kernel's time stamps
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CADENCE_NS = 5000000, PHASES = 4, GAPS_MAX = 4000000 };

static int sockets[16384];
static int64_t last_ns[16384];
static float gaps_us[GAPS_MAX];

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec t = { ns / 1000000000LL, ns % 1000000000LL };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static double cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void bind_all(int count, int port, int stamps) {
    for (int i = 0; i < count; i++) {
        struct sockaddr_in a = loopback(port + i);
        int on = 1;
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (stamps) setsockopt(sockets[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        if (sockets[i] < 0 || bind(sockets[i], (struct sockaddr *)&a, sizeof a) != 0) {
            printf("error bind %d: %s\n", port + i, strerror(errno));
            exit(1);
        }
    }
}

static void wait_go(void) {
    char line[64];
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "go", 2) != 0) {}
}

static void send_streams(int count, double seconds) {
    static struct sockaddr_in targets[16384];
    static uint8_t sound[8000];
    static uint16_t sequence[16384];
    static uint32_t timestamp[16384];
    uint8_t packet[172] = { 0x80, 8 };
    for (int i = 0; i < 8000; i++) sound[i] = (uint8_t)(i * 31);
    for (int i = 0; i < count; i++) {
        int port = 0;
        if (scanf("%d", &port) != 1) exit(1);
        targets[i] = loopback(port);
    }
    wait_go();
    long packets = 0, tick = 0;
    double cpu = cpu_us();
    int64_t start = now_ns(CLOCK_MONOTONIC), deadline = start, end = start + (int64_t)(seconds * 1e9);
    while (deadline < end) {
        deadline += CADENCE_NS;
        sleep_until(deadline);
        tick++;
        for (int i = tick % PHASES; i < count; i += PHASES) {
            uint16_t s = htons(sequence[i]++);
            uint32_t t = htonl(timestamp[i]), ssrc = htonl(0x1000 + i);
            memcpy(packet + 2, &s, 2);
            memcpy(packet + 4, &t, 4);
            memcpy(packet + 8, &ssrc, 4);
            memcpy(packet + 12, sound + timestamp[i] % 7840, 160);
            timestamp[i] += 160;
            if (sendto(sockets[i], packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&targets[i], sizeof targets[i]) > 0) packets++;
        }
    }
    printf("packets=%ld cpu_us=%.1f\n", packets, cpu_us() - cpu);
}

static int64_t receive_stamped(int fd, uint8_t *buffer, int size, ssize_t *length) {
    char control[256];
    struct iovec v = { buffer, size };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    *length = recvmsg(fd, &m, MSG_DONTWAIT);
    if (*length < 0) return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return t.tv_sec * 1000000000LL + t.tv_nsec;
        }
    }
    return 0;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report_gaps(long packets, long gaps) {
    if (gaps == 0) { printf("packets=%ld gaps=0\n", packets); return; }
    qsort(gaps_us, gaps, sizeof gaps_us[0], compare);
    printf("packets=%ld gaps=%ld p50=%.1f p99=%.1f max=%.1f\n", packets, gaps, gaps_us[gaps / 2], gaps_us[gaps * 99 / 100], gaps_us[gaps - 1]);
}

static void receive_streams(int count, double seconds, int stamps) {
    static struct epoll_event events[1024];
    uint8_t buffer[1500];
    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &e);
    }
    wait_go();
    // What waits from before is not part of the measurement.
    for (int i = 0; i < count; i++) while (recv(sockets[i], buffer, sizeof buffer, MSG_DONTWAIT) > 0) {}
    long packets = 0, gaps = 0;
    double cpu = cpu_us();
    int64_t start = now_ns(CLOCK_MONOTONIC), deadline = start, end = start + (int64_t)(seconds * 1e9);
    // Ends by the clock, not by the count of cadences: held up by others it must not measure for longer than the far end runs.
    while (now_ns(CLOCK_MONOTONIC) < end) {
        deadline += CADENCE_NS;
        sleep_until(deadline);
        int ready;
        do {
            ready = epoll_wait(epoll, events, 1024, 0);
            for (int i = 0; i < ready; i++) {
                int stream = events[i].data.u32;
                if (!stamps) {
                    struct sockaddr_storage from;
                    socklen_t size = sizeof from;
                    if (recvfrom(sockets[stream], buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &size) > 0) packets++;
                    continue;
                }
                ssize_t length;
                int64_t at = receive_stamped(sockets[stream], buffer, sizeof buffer, &length);
                if (length < 12 || (buffer[1] & 0x7f) >= 72) continue;
                packets++;
                if (last_ns[stream] && gaps < GAPS_MAX) {
                    double off = (at - last_ns[stream] - 20000000) / 1000.0;
                    gaps_us[gaps++] = off < 0 ? -off : off;
                }
                last_ns[stream] = at;
            }
        } while (ready == 1024);
    }
    double used = cpu_us() - cpu;
    if (stamps) report_gaps(packets, gaps);
    else printf("packets=%ld cpu_us=%.1f\n", packets, used);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int count = atoi(argv[2]), port = atoi(argv[4]);
    double seconds = atof(argv[3]);
    struct rlimit files = { 65536, 65536 };
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) { getrlimit(RLIMIT_NOFILE, &files); files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    int stamps = strcmp(argv[1], "sink") == 0;
    bind_all(count, port, stamps);
    if (strcmp(argv[1], "send") == 0) send_streams(count, seconds);
    else receive_streams(count, seconds, stamps);
    return 0;
}
