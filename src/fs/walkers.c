/* SPDX-License-Identifier: MIT */
#include "fs/walkers.h"

#include <pthread.h>
#include <string.h>

/* So many processes that opened a list are remembered. */
#define WALKERS 64
/* So many lists may wait for whether a process stays at a space. */
#define PUT_OFF 16

/* A space, or a person, and when somebody came to it (mono). thing 0: none. */
struct step {
	int64_t thing, at_ms;
};

/* A process that opened a list. */
struct walker {
	pid_t tgid;
	int64_t used_ms;      /* mono; when it last opened a directory */
	int64_t back_ms;      /* mono; when it last came back to one of its steps */
	struct step steps[3]; /* the newest first, each of another thing */
};

struct put_off {
	struct need need; /* kind NEED_NONE: free */
	pid_t tgid;
	int64_t due_ms; /* mono */
};

struct walkers {
	struct pager *pager;
	struct work_queue *queue;
	const struct clock *clock;
	pthread_mutex_t lock; /* of all below */
	struct walker all[WALKERS];
	struct step people[WALK_PEOPLE]; /* what those looked at who opened no list */
	struct put_off put_off[PUT_OFF];
	bool is_armed; /* the timer is set */
};

struct walkers *walkers_new(struct pager *pager, struct work_queue *queue,
			    const struct clock *clock)
{
	struct walkers *w = g_new0(struct walkers, 1);

	w->pager = pager;
	w->queue = queue;
	w->clock = clock;
	for (int i = 0; i < WALKERS; i++)
		w->all[i].used_ms = INT64_MIN / 2;
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

void walkers_free(struct walkers **w)
{
	if (!*w)
		return;
	pthread_mutex_destroy(&(*w)->lock);
	g_free(*w);
	*w = NULL;
}

static int64_t thing_of(const struct need *need)
{
	/* All teams are one thing; 0 would be none. */
	if (need->kind == NEED_TEAMS)
		return INT64_MIN;
	return need_has_key(need->kind) ? INT64_MIN | (int64_t)g_str_hash(need->key)
					: need->row;
}

/* ---- processes that opened a list ---- */

static struct walker *find_locked(struct walkers *w, pid_t tgid, int64_t now_ms)
{
	for (int i = 0; i < WALKERS; i++)
		if (w->all[i].tgid == tgid && now_ms - w->all[i].used_ms < WALK_FORGET_MS)
			return &w->all[i];
	return NULL;
}

/* In the place of the one that was idle for longest. */
static struct walker *make_locked(struct walkers *w, pid_t tgid)
{
	struct walker *oldest = &w->all[0];

	for (int i = 1; i < WALKERS; i++)
		if (w->all[i].used_ms < oldest->used_ms)
			oldest = &w->all[i];
	*oldest = (struct walker){.tgid = tgid, .back_ms = INT64_MIN / 2};
	return oldest;
}

/* To come back to one of the last three is no new step: a file manager with two panes goes back
 * and forth. Its time stays that of the first look. */
static void step(struct walker *walker, int64_t thing, int64_t now_ms)
{
	struct step came = {.thing = thing, .at_ms = now_ms};
	size_t i = 0;

	while (i + 1 < G_N_ELEMENTS(walker->steps) && walker->steps[i].thing != thing)
		i++;
	if (walker->steps[i].thing == thing) {
		came = walker->steps[i];
		if (i > 0)
			walker->back_ms = now_ms;
	}
	memmove(walker->steps + 1, walker->steps, i * sizeof(walker->steps[0]));
	walker->steps[0] = came;
}

/* True if it came to its last three things within a short time. */
static bool walks(const struct walker *walker, int64_t now_ms)
{
	for (size_t i = 0; i < G_N_ELEMENTS(walker->steps); i++)
		if (!walker->steps[i].thing || now_ms - walker->steps[i].at_ms >= WALK_MANY_MS)
			return false;
	return true;
}

/* It is at the thing that it came to last, and where it goes back and forth at all of them. */
static bool is_at(const struct walker *walker, int64_t thing, int64_t now_ms)
{
	size_t n = now_ms - walker->back_ms < WALK_STAY_MS ? G_N_ELEMENTS(walker->steps) : 1;

	for (size_t i = 0; i < n; i++)
		if (walker->steps[i].thing == thing)
			return true;
	return false;
}

void walkers_opened(struct walkers *w, pid_t tgid, int64_t space)
{
	int64_t now_ms = clock_mono(w->clock);
	struct walker *walker;

	pthread_mutex_lock(&w->lock);
	walker = find_locked(w, tgid, now_ms);
	if (!walker && !space)
		walker = make_locked(w, tgid);
	if (walker)
		walker->used_ms = now_ms;
	if (walker && space)
		step(walker, space, now_ms);
	pthread_mutex_unlock(&w->lock);
}

/* ---- lists that are fetched if the process stays where it is ---- */

static void fire(void *arg);

static void arm(struct walkers *w, int64_t due_ms)
{
	work_post_at(w->queue, due_ms, fire, w);
}

/* Takes what is due; returns how many. *ret_next_ms: when the next one is; -1: there is none. */
static int take_due_locked(struct walkers *w, int64_t now_ms, struct need *ret_needs,
			   int64_t *ret_next_ms)
{
	int n = 0;

	*ret_next_ms = -1;
	for (int i = 0; i < PUT_OFF; i++) {
		struct put_off *p = &w->put_off[i];
		const struct walker *walker;

		if (p->need.kind == NEED_NONE)
			continue;
		if (p->due_ms > now_ms) {
			*ret_next_ms =
				*ret_next_ms < 0 ? p->due_ms : MIN(*ret_next_ms, p->due_ms);
			continue;
		}
		walker = find_locked(w, p->tgid, now_ms);
		if (walker && is_at(walker, thing_of(&p->need), now_ms) &&
		    !walks(walker, now_ms))
			ret_needs[n++] = p->need;
		p->need.kind = NEED_NONE;
	}
	return n;
}

static void fire(void *arg)
{
	struct need needs[PUT_OFF];
	struct walkers *w = arg;
	int64_t next_ms;
	int n;

	pthread_mutex_lock(&w->lock);
	n = take_due_locked(w, clock_mono(w->clock), needs, &next_ms);
	w->is_armed = next_ms >= 0;
	pthread_mutex_unlock(&w->lock);
	if (next_ms >= 0)
		arm(w, next_ms);
	for (int i = 0; i < n; i++)
		pager_refresh(w->pager, &needs[i]);
}

/* True if the timer is to be set. */
static bool put_off_locked(struct walkers *w, pid_t tgid, const struct need *need,
			   int64_t due_ms)
{
	struct put_off *unused = NULL;

	for (int i = 0; i < PUT_OFF; i++) {
		struct put_off *p = &w->put_off[i];

		if (p->need.kind == NEED_NONE)
			unused = p;
		else if (need_equal(&p->need, need) && p->tgid == tgid)
			return false;
	}
	if (!unused)
		return false;
	*unused = (struct put_off){.need = *need, .tgid = tgid, .due_ms = due_ms};
	if (w->is_armed)
		return false;
	w->is_armed = true;
	return true;
}

/* ---- all others ---- */

/* True if so many of them look at different things that they belong together. */
static bool are_many_locked(struct walkers *w, int64_t thing, int64_t now_ms)
{
	struct step *oldest = &w->people[0];

	for (int i = 0; i < WALK_PEOPLE; i++) {
		struct step *s = &w->people[i];

		/* The time stays that of the first look. Else four things that are looked at
		 * again and again would leave no place to a fifth one, ever. */
		if (s->thing == thing)
			return false;
		if (!s->thing || (oldest->thing && s->at_ms < oldest->at_ms))
			oldest = s;
	}
	if (oldest->thing && now_ms - oldest->at_ms < WALK_MANY_MS)
		return true;
	*oldest = (struct step){.thing = thing, .at_ms = now_ms};
	return false;
}

bool walkers_spare(struct walkers *w, pid_t tgid, const struct need *need)
{
	int64_t now_ms = clock_mono(w->clock), thing = thing_of(need);
	bool spares = true, arms = false;
	struct walker *walker;

	pthread_mutex_lock(&w->lock);
	walker = find_locked(w, tgid, now_ms);
	if (walker) {
		step(walker, thing, now_ms);
		if (!walks(walker, now_ms))
			arms = put_off_locked(w, tgid, need, now_ms + WALK_STAY_MS);
	} else {
		spares = are_many_locked(w, thing, now_ms);
	}
	pthread_mutex_unlock(&w->lock);
	if (arms)
		arm(w, now_ms + WALK_STAY_MS);
	return spares;
}
