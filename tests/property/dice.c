/* SPDX-License-Identifier: MIT */
#include "dice.h"

static uint64_t state;

void dice_seed(uint64_t seed)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t dice(int64_t n)
{
	return n < 1 ? 0 : (int64_t)(next() % (uint64_t)n);
}

int64_t dice_between(int64_t lo, int64_t hi)
{
	return lo + dice(hi - lo + 1);
}

bool dice_percent(int percent)
{
	return dice(100) < percent;
}
