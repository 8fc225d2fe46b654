/* SPDX-License-Identifier: MIT */
/*
 * What the simulator knows at its start. Called once, before the server runs.
 */
#pragma once

#include "data.h"

/* Organizations, licenses, and the people of the four documented tokens. */
void seed_base(struct sim *sim);
/* The demo company; its texts are in seed_text.c. */
void seed_demo(struct sim *sim);
/* Volume: --spaces, --messages, --members. */
void seed_synthetic(struct sim *sim);

/* seed_files.c: small valid documents; the bytes are the caller's. */
GByteArray *seed_pdf(const char *title, const char *const *lines);
/* A bar chart; `bars` are 0..100. */
GByteArray *seed_png(const int *bars, int n);
