/* SPDX-License-Identifier: MIT */
/*
 * Finds the sizes of texts whose form is an older one (store_renew_sizes), behind whatever else is done:
 * a few milliseconds in a hundred, once after each change of the form. It asks the server for nothing:
 * what lacks its body waits for somebody who wants its size.
 *
 * Thread rule: cache thread.
 */
#pragma once

struct pager;
struct sizes;

struct sizes *sizes_new(struct pager *p);
/* Begins, unless all are known. */
void sizes_start(struct sizes *s);
/* No timer is under way any more. */
void sizes_stop(struct sizes *s);
void sizes_free(struct sizes **s);
