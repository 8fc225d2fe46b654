/* SPDX-License-Identifier: MIT */
#include "seed.h"
void seed_demo(struct sim *sim)
{
	(void)sim;
}
