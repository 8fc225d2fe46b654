/* SPDX-License-Identifier: MIT */
/* Volume: many spaces, or one space with a long history. Reproducible by --seed. */
#include "markdown.h"
#include "seed.h"

#include <string.h>

#define SIX_YEARS_MS (6LL * 365 * 86400 * 1000 + 86400000LL)

static const char *const words[] = {
	"harbour",
	"sensor",
	"report",
	"please",
	"check",
	"the",
	"new",
	"build",
	"before",
	"monday",
	"because",
	"data",
	"looks",
	"wrong",
	"and",
	"meeting",
	"moved",
	"to",
	"room",
	"four",
	"thanks",
	"everyone",
	"for",
	"helping",
	"with",
	"battery",
	"test",
	"we",
	"need",
	"another",
	"week",
	"until",
	"release",
	"customer",
	"asked",
	"about",
	"delivery",
	"of",
	"spare",
	"parts",
	"I",
	"will",
	"send",
	"it",
	"today",
	"after",
	"lunch",
	"pressure",
	"drops",
	"at",
	"night",
	"again",
	("\xc3\xbc"
	 "ber"),
	"fixed",
	"in",
	"branch",
};

static const char *const nouns[] = {"Harbour", "Glacier", "Meadow",  "Lantern", "Copper",
				    "Willow",  "Granite", "Falcon",  "Delta",	"Orchid",
				    "Summit",  "Beacon",  "Juniper", "Quartz",	"River"};
static const char *const kinds[] = {"project", "support", "planning", "release", "operations",
				    "design",  "review",  "standup",  "budget"};

static guint below(struct sim *sim, guint n)
{
	return n ? (guint)(splitmix64(&sim->seed) % n) : 0;
}

static char *sentence(struct sim *sim)
{
	GString *out = g_string_new(NULL);
	guint n = 3 + below(sim, 22);

	for (guint i = 0; i < n; i++) {
		if (i)
			g_string_append_c(out, below(sim, 40) ? ' ' : '\n');
		g_string_append(out, words[below(sim, G_N_ELEMENTS(words))]);
	}
	return g_string_free(out, FALSE);
}

static GPtrArray *make_people(struct sim *sim, int n)
{
	static const char *const emails[] = {"alice@example.com", "bob@example.com"};
	GPtrArray *people = g_ptr_array_new();

	for (int i = 0; i < n && i < 2; i++)
		g_ptr_array_add(people, data_person_by_email(sim, emails[i]));
	for (int i = 2; i < n; i++) {
		char *email = g_strdup_printf("user%04d@example.com", i - 1);
		char *name = g_strdup_printf("User %04d", i - 1);
		struct uuid u = uuid_v4(&sim->seed);
		struct person *p = data_person_add(sim, &u, email, name, sim->orgs->pdata[0],
						   data_now(sim) - SIX_YEARS_MS);

		p->status = "inactive";
		g_ptr_array_add(people, p);
		g_free(email);
		g_free(name);
	}
	return people;
}

static void add_message(struct sim *sim, struct room *room, struct person *author, uint64_t t)
{
	struct message *msg = data_message_add(sim, room, author, t);
	guint dice = below(sim, 100);

	msg->text = sentence(sim);
	if (dice < 6) {
		struct rendered r;
		char *md = g_strdup_printf("**%s**", msg->text);

		g_free(msg->text);
		markdown_render(sim, md, &r);
		msg->text = r.text;
		msg->markdown = r.markdown;
		msg->html = r.html;
		g_free(md);
	} else if (dice < 20 && room->messages->len > 5) {
		struct message *root =
			room->messages->pdata[room->messages->len - 2 - below(sim, 4)];

		msg->has_parent = true;
		msg->parent = root->has_parent ? root->parent : root->uuid;
	} else if (dice < 23) {
		msg->updated = msg->created + 30000 + below(sim, 600000);
		msg->edits = 1;
	}
}

static void fill_room(struct sim *sim, struct room *room, const GPtrArray *people,
		      uint64_t start, uint64_t end)
{
	int n = sim->opt.messages;
	uint64_t step = n ? (end - start) / (uint64_t)n : 0;

	for (int i = 0; i < n; i++) {
		uint64_t t = start + (uint64_t)i * step +
			     splitmix64(&sim->seed) % (step > 2 ? step - 1 : 1);
		guint who = below(sim, people->len);

		/* Whole conversations are by few people. */
		if (below(sim, 3))
			who = below(sim, MIN(people->len, 4));
		add_message(sim, room, people->pdata[who], t);
	}
}

void seed_synthetic(struct sim *sim)
{
	int64_t now = data_now(sim);
	GPtrArray *people = make_people(sim, MAX(sim->opt.members, 1));

	for (int i = 0; i < sim->opt.spaces; i++) {
		/* One space lives six years, many begin somewhere within them. */
		int64_t born = now - SIX_YEARS_MS + 60000LL * i;
		char *title;
		struct room *room;

		if (i)
			born += (int64_t)(splitmix64(&sim->seed) %
					  (uint64_t)(SIX_YEARS_MS - 30LL * 86400000));
		title = g_strdup_printf("%s %s %04d", nouns[below(sim, G_N_ELEMENTS(nouns))],
					kinds[below(sim, G_N_ELEMENTS(kinds))], i + 1);
		room = data_room_add(sim, people->pdata[0], title, t100_from_ms(born), NULL);
		for (guint k = 0; k < people->len; k++)
			data_member_add(room, people->pdata[k], room->created);
		fill_room(sim, room, people, t100_from_ms(born + 60000),
			  t100_from_ms(now - 60000));
		g_free(title);
	}
	g_ptr_array_free(people, TRUE);
}
