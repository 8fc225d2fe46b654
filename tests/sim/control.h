/* SPDX-License-Identifier: MIT */
/*
 * The control API below /_sim/ (README.md documents it). No authentication, no faults,
 * not logged. Server thread.
 */
#pragma once

#include "server.h"

void control_dispatch(struct req *rq);
