/* SPDX-License-Identifier: MIT */
/* What people do, here and elsewhere, and what happens to the network and to the mount: one thing, by chance. */
#pragma once

void acts_start(void);
void act(void);
