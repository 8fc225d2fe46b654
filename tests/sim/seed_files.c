/* SPDX-License-Identifier: MIT */
#include "seed.h"
