/* SPDX-License-Identifier: MIT */
#include "webex/arena.h"

#include <cjson/cJSON.h>
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* A page of a thousand messages takes about one and a half of them. */
#define CHUNK_SIZE (1 << 20)
/* Kept for the next document. */
#define KEEP_CHUNKS 2

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) char bytes[];
};

struct arena {
	struct chunk *first; /* the one that is being filled */
	struct chunk *spare;
	int spares;
	unsigned depth;
};

static _Thread_local struct arena arena;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit;

static void free_chunks(struct chunk **list)
{
	struct chunk *c;

	while ((c = *list)) {
		*list = c->next;
		g_free(c);
	}
}

static void thread_ends(void *arg)
{
	struct arena *a = arg;

	free_chunks(&a->first);
	free_chunks(&a->spare);
}

static bool add_chunk(size_t need)
{
	size_t size = MAX(need, CHUNK_SIZE);
	struct chunk *c = arena.spare;

	if (c && c->size >= size) {
		arena.spare = c->next;
		arena.spares--;
	} else {
		c = g_try_malloc(sizeof(*c) + size);
		if (!c)
			return false;
		c->size = size;
	}
	c->used = 0;
	c->next = arena.first;
	arena.first = c;
	return true;
}

static void *take(size_t size)
{
	struct chunk *c = arena.first;
	void *p;

	if (!arena.depth)
		return malloc(size);
	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		if (!add_chunk(size))
			return NULL;
		c = arena.first;
	}
	p = c->bytes + c->used;
	c->used += size;
	return p;
}

static void give_back(void *p)
{
	if (!arena.depth)
		free(p);
}

static void set_hooks(void)
{
	cJSON_Hooks hooks = {.malloc_fn = take, .free_fn = give_back};

	cJSON_InitHooks(&hooks);
	pthread_key_create(&at_exit, thread_ends);
}

void json_arena_setup(void)
{
	pthread_once(&once, set_hooks);
}

void json_arena_begin(void)
{
	json_arena_setup();
	if (arena.depth++ == 0)
		pthread_setspecific(at_exit, &arena);
}

void json_arena_end(void)
{
	struct chunk *c;

	if (--arena.depth)
		return;
	while ((c = arena.first)) {
		arena.first = c->next;
		if (c->size == CHUNK_SIZE && arena.spares < KEEP_CHUNKS) {
			c->next = arena.spare;
			arena.spare = c;
			arena.spares++;
		} else {
			g_free(c);
		}
	}
}
