/* SPDX-License-Identifier: MIT */
/*
 * The part of the control API that changes stored data: what tests set up behind the back
 * of the public API (several messages in one millisecond, back-dated data, tokens).
 */
#pragma once

#include "server.h"

void control_scan(struct req *rq);
void control_tokens(struct req *rq);
void control_people(struct req *rq);
void control_rooms(struct req *rq);
void control_messages(struct req *rq);
