/* SPDX-License-Identifier: MIT */
/*
 * usage: stress MOUNTPOINT PROCESSES SECONDS SEED [calm]
 *
 * Random operations of many processes on a mount of sparkfs, in the middle of which the processes
 * are stopped, interrupted and killed. It judges nothing that they are told: what it proves is
 * that afterwards every process can still be ended. The last line of its output says how many were
 * started and how many SIGKILL did not end within PATIENCE_S; the exit status is 1 if there are
 * such. The caller (stress.py) looks at the daemon.
 *
 * With "calm" nobody is disturbed, so that each operation has to end by itself; the line before the last
 * says which took longest, in milliseconds. What runs at the end has CALM_END_S more.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operations.h"

#define PROCESSES_MAX 64
#define PATIENCE_S 60
#define CALM_END_S 120

uint32_t dice_state;

static bool is_calm;

/* What the process of a place does, and the longest thing that those of the place did; shared with it. */
struct watch {
	volatile bool is_over;	   /* the process is to end */
	volatile int64_t began_ms; /* 0: nothing */
	volatile unsigned which;
	volatile int64_t longest_ms;
	volatile unsigned longest;
};

static struct watch *watches;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void note_length(struct watch *w)
{
	int64_t ms = w->began_ms ? now_ms() - w->began_ms : 0;

	if (ms <= w->longest_ms)
		return;
	w->longest_ms = ms;
	w->longest = w->which;
}

static void interrupted(int sig)
{
	(void)sig;
}

__attribute__((noreturn)) static void be_process(uint32_t seed, struct watch *w)
{
	dice_state = seed;
	for (unsigned left = 5 + pick(60); left && !w->is_over; left--) {
		if (!is_calm && one_in(5))
			alarm(1);
		if (!is_calm && one_in(8))
			ualarm(1 + pick(20000), 0);
		w->which = operations_choose();
		w->began_ms = now_ms();
		operations_run(w->which);
		note_length(w);
		w->began_ms = 0;
	}
	_exit(0);
}

/* 0: it has ended. */
static pid_t still_there(pid_t pid)
{
	return pid && waitpid(pid, NULL, WNOHANG) == 0 ? pid : 0;
}

static void disturb(pid_t pid)
{
	static const int signals[] = {SIGKILL, SIGTERM, SIGALRM, SIGINT, SIGSTOP, SIGCONT};

	kill(pid, pick_of(signals));
}

static unsigned long run(pid_t *pids, unsigned count, time_t end)
{
	unsigned long started = 0;
	uint32_t seed;

	while (time(NULL) < end) {
		for (unsigned i = 0; i < count; i++) {
			pids[i] = still_there(pids[i]);
			if (pids[i] && is_calm)
				continue;
			if (pids[i]) {
				if (one_in(40))
					disturb(pids[i]);
				else if (one_in(5))
					kill(pids[i], SIGCONT);
				continue;
			}
			seed = dice();
			watches[i].began_ms = 0;
			pids[i] = fork();
			if (pids[i] == 0)
				be_process(seed, &watches[i]);
			if (pids[i] < 0)
				pids[i] = 0;
			else
				started++;
		}
		poll(NULL, 0, 10);
	}
	return started;
}

/* How many SIGKILL does not end. */
static unsigned end_all(pid_t *pids, unsigned count)
{
	time_t end = time(NULL) + PATIENCE_S;
	unsigned left = count;

	for (unsigned i = 0; i < count; i++)
		if (pids[i])
			kill(pids[i], SIGKILL);
	while (left && time(NULL) < end) {
		left = 0;
		for (unsigned i = 0; i < count; i++) {
			pids[i] = still_there(pids[i]);
			left += pids[i] != 0;
		}
		poll(NULL, 0, 20);
	}
	return left;
}

/* Lets all end by themselves, and says what took longest. */
static void end_calmly(pid_t *pids, unsigned count)
{
	int64_t end = now_ms() + INT64_C(1000) * CALM_END_S;
	unsigned left = count, worst = 0;

	for (unsigned i = 0; i < count; i++)
		watches[i].is_over = true;
	while (left && now_ms() < end) {
		left = 0;
		for (unsigned i = 0; i < count; i++) {
			pids[i] = still_there(pids[i]);
			left += pids[i] != 0;
		}
		poll(NULL, 0, 20);
	}
	for (unsigned i = 0; i < count; i++) {
		if (pids[i])
			note_length(&watches[i]);
		worst = watches[i].longest_ms > watches[worst].longest_ms ? i : worst;
	}
	printf("longest %lld %s\n", (long long)watches[worst].longest_ms,
	       operations_name(watches[worst].longest));
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = interrupted};
	pid_t pids[PROCESSES_MAX] = {0};
	unsigned count, left;
	unsigned long started;

	is_calm = argc == 6 && strcmp(argv[5], "calm") == 0;
	if (argc != 5 && !is_calm) {
		fputs("usage: stress MOUNTPOINT PROCESSES SECONDS SEED [calm]\n", stderr);
		return 2;
	}
	count = (unsigned)strtoul(argv[2], NULL, 10);
	count = count < PROCESSES_MAX ? count : PROCESSES_MAX;
	dice_state = (uint32_t)strtoul(argv[4], NULL, 10);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	watches = mmap(NULL, PROCESSES_MAX * sizeof(*watches), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watches == MAP_FAILED)
		return 2;
	operations_begin(argv[1], is_calm);
	started = run(pids, count, time(NULL) + strtol(argv[3], NULL, 10));
	if (is_calm)
		end_calmly(pids, count);
	left = end_all(pids, count);
	printf("%lu processes started, %u cannot be ended\n", started, left);
	return left ? 1 : 0;
}
