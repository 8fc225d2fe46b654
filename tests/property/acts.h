/* SPDX-License-Identifier: MIT */
/* Does one thing by chance: something that people do, here or elsewhere, or something that
 * happens to the network or the mount. */
#pragma once

void acts_start(void);
void act(void);
