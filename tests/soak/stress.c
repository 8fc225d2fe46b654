/* SPDX-License-Identifier: MIT */
/*
 * usage: stress MOUNTPOINT PROCESSES SECONDS SEED
 *
 * Random operations of many processes on a mount of sparkfs, in the middle of which the processes
 * are stopped, interrupted and killed. It judges nothing that they are told: what it proves is
 * that afterwards every process can still be ended. The last line of its output says how many were
 * started and how many SIGKILL did not end within PATIENCE_S; the exit status is 1 if there are
 * such. The caller (stress.py) looks at the daemon.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operations.h"

#define PROCESSES_MAX 64
#define PATIENCE_S 60

uint32_t dice_state;

static void interrupted(int sig)
{
	(void)sig;
}

__attribute__((noreturn)) static void be_process(uint32_t seed)
{
	dice_state = seed;
	for (unsigned left = 5 + pick(60); left; left--) {
		if (one_in(5))
			alarm(1);
		if (one_in(8))
			ualarm(1 + pick(20000), 0);
		operations_any();
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
			if (pids[i]) {
				if (one_in(40))
					disturb(pids[i]);
				else if (one_in(5))
					kill(pids[i], SIGCONT);
				continue;
			}
			seed = dice();
			pids[i] = fork();
			if (pids[i] == 0)
				be_process(seed);
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

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = interrupted};
	pid_t pids[PROCESSES_MAX] = {0};
	unsigned count, left;
	unsigned long started;

	if (argc != 5) {
		fputs("usage: stress MOUNTPOINT PROCESSES SECONDS SEED\n", stderr);
		return 2;
	}
	count = (unsigned)strtoul(argv[2], NULL, 10);
	count = count < PROCESSES_MAX ? count : PROCESSES_MAX;
	dice_state = (uint32_t)strtoul(argv[4], NULL, 10);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	operations_begin(argv[1]);
	started = run(pids, count, time(NULL) + strtol(argv[3], NULL, 10));
	left = end_all(pids, count);
	printf("%lu processes started, %u cannot be ended\n", started, left);
	return left ? 1 : 0;
}
