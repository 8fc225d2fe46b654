/* SPDX-License-Identifier: MIT */
/* The demo company: rooms and people around the texts of seed_text.c. */
#include "markdown.h"
#include "seed.h"
#include "seed_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000LL

struct demo {
	struct sim *sim;
	int64_t now;
	struct room *rooms[ROOM_COUNT];
	struct message *last_root[ROOM_COUNT];
	uint64_t last_t100[ROOM_COUNT];
};

static struct person *person(struct demo *d, const char *name)
{
	char *email = g_strdup_printf("%s@example.com", name);
	struct person *p = data_person_by_email(d->sim, email);

	g_free(email);
	if (!p && !strcmp(name, "simbot"))
		p = data_person_by_email(d->sim, "simbot@webex.bot");
	if (!p && !strcmp(name, "victor"))
		p = data_person_by_email(d->sim, "victor@partner.example");
	g_assert(p);
	return p;
}

static void add_people(struct demo *d)
{
	struct uuid u;
	struct person *p;

	for (size_t i = 0; i < seed_people_n; i++) {
		const struct seed_person *s = &seed_people[i];
		char *token;

		uuid_parse(s->uuid, &u);
		p = data_person_add(d->sim, &u, s->email, s->name, d->sim->orgs->pdata[0],
				    d->now - 400 * DAY_MS + (int64_t)i * 5 * DAY_MS);
		p->title = g_strdup(s->title);
		p->department = g_strdup(s->department);
		p->status = s->status;
		p->activity = d->now - (int64_t)(i + 1) * 1234567;
		token = g_strdup_printf("%s-token", p->key);
		data_token_add(d->sim, token, p, true);
		g_free(token);
	}
	uuid_parse("b418060a-3e7c-4905-8b62-a7d835fc191b", &u);
	p = data_person_add(d->sim, &u, "victor@partner.example", "Victor Hale",
			    d->sim->orgs->pdata[1], d->now - 300 * DAY_MS);
	data_token_add(d->sim, "victor-token", p, true);
}

/* A moment `days` ago at hh:mm UTC, with some seconds; minutes ago when days is 0. */
static int64_t moment(struct demo *d, int days, const char *at)
{
	int h = 0, m = 0;
	int64_t noise = (int64_t)(splitmix64(&d->sim->seed) % 40000);

	if (!days)
		return d->now - atoi(at) * 60000LL + noise;
	if (sscanf(at, "%d:%d", &h, &m) != 2)
		return d->now;
	return (d->now / DAY_MS - days) * DAY_MS + (h * 60 + m) * 60000LL + noise;
}

static struct room *add_room(struct demo *d, enum seed_room which, const char *title, int days,
			     const char *members, const char *cluster)
{
	char **names = g_strsplit(members, " ", 0);
	struct room *room = data_room_add(d->sim, person(d, names[0]), title,
					  t100_from_ms(moment(d, days, "06:30")), cluster);

	for (char **n = names; *n; n++)
		data_member_add(room, person(d, *n), room->created);
	g_strfreev(names);
	d->rooms[which] = room;
	return room;
}

static void add_team(struct demo *d)
{
	static const char *const crew[] = {"mika", "alice", "bob"};
	struct team *team = data_team_add(d->sim, person(d, "dave"), "Field Operations",
					  "Boats, buoys and batteries",
					  t100_from_ms(moment(d, 156, "06:00")));
	struct room *visits;

	for (size_t i = 0; i < G_N_ELEMENTS(crew); i++)
		data_team_member_add(team, person(d, crew[i]), i == 1, team->created + 60000);
	d->rooms[ROOM_FIELD] = team->general;
	visits = add_room(d, ROOM_VISITS, "Service visits", 153, "dave mika alice bob", NULL);
	visits->team = team;
}

static void add_rooms(struct demo *d)
{
	struct room *room;

	add_room(d, ROOM_BUOY, "Harbour buoy project", 144,
		 "grace alice bob carol dave erin frank ivan judy mika", NULL);
	room = add_room(d, ROOM_NEWS, "Announcements", 161,
			"grace admin alice bob carol dave erin frank heidi ivan judy mika",
			NULL);
	room->locked = room->announcement = true;
	room->description = g_strdup("News for everybody");
	data_member(room, person(d, "grace"))->moderator = true;
	data_member(room, person(d, "admin"))->moderator = true;
	add_team(d);
	add_room(d, ROOM_LUNCH_A, "Lunch", 101, "carol alice bob frank", NULL);
	add_room(d, ROOM_LUNCH_B, "Lunch", 94, "heidi alice ivan", NULL);
	add_room(d, ROOM_DESIGN, "Design / UX \xf0\x9f\x8e\xa8 reviews", 118,
		 "carol alice bob erin", NULL);
	add_room(d, ROOM_PORT, "Port of Aveiro", 89, "alice victor carol grace",
		 "urn:TEAM:eu-central-1_k");
	add_room(d, ROOM_FIRMWARE, "Firmware", 151, "bob frank alice oscar", NULL);
	add_room(d, ROOM_SUPPORT, "Support desk", 141, "heidi simbot alice dave", NULL);
	room = add_room(d, ROOM_READING, "Reading circle", 85, "judy erin alice", NULL);
	room->is_public = true;
	room->made_public = room->created;
	room->description = g_strdup("A book a month, all welcome");
}

static void add_directs(struct demo *d)
{
	static const struct {
		enum seed_room which;
		const char *a, *b;
	} pairs[] = {
		{DIRECT_ALICE_BOB, "bob", "alice"},    {DIRECT_ALICE_CAROL, "carol", "alice"},
		{DIRECT_ALICE_DAVE, "dave", "alice"},  {DIRECT_ALICE_ADMIN, "admin", "alice"},
		{DIRECT_ALICE_BOT, "alice", "simbot"}, {DIRECT_BOB_CAROL, "carol", "bob"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
		d->rooms[pairs[i].which] =
			data_room_direct(d->sim, person(d, pairs[i].a), person(d, pairs[i].b),
					 d->now - 140 * DAY_MS + (int64_t)i * DAY_MS);
}

static void use_markdown(struct demo *d, struct message *msg, const char *text)
{
	struct rendered r;

	markdown_render(d->sim, text, &r);
	msg->text = r.text;
	msg->markdown = r.markdown;
	msg->html = r.html;
	msg->mentioned = r.mentioned;
	msg->mention_all = r.mention_all;
}

static const char *text_file(const struct seed_line *line)
{
	if (line->room == ROOM_VISITS)
		return line->days > 20 ? seed_log_old : seed_log_new;
	return line->days > 20 ? seed_notes : seed_series;
}

static void use_file(struct message *msg, const struct seed_line *line)
{
	static const int bars[] = {35, 62, 48, 80, 71, 55, 40, 33, 52, 77, 90, 66};
	const char *notes = text_file(line);
	GByteArray *made = NULL;

	msg->text = g_strdup(line->text);
	if (line->kind == FILE_TEXT) {
		data_content_add(msg, line->file, "text/plain",
				 blob_from(notes, strlen(notes)));
		return;
	}
	made = line->kind == FILE_PDF ? seed_pdf("Harbour buoys", seed_pdf_lines)
				      : seed_png(bars, G_N_ELEMENTS(bars) - line->days % 3);
	data_content_add(msg, line->file,
			 line->kind == FILE_PDF ? "application/pdf" : "image/png",
			 blob_from(made->data, made->len));
	g_byte_array_free(made, TRUE);
}

static void use_content(struct demo *d, struct message *msg, const struct seed_line *line)
{
	switch (line->kind) {
	case MARKDOWN:
	case REPLY_MD:
		use_markdown(d, msg, line->text);
		break;
	case FROM_APP:
		msg->html = g_strdup(line->text);
		msg->text = html_to_text(line->text);
		break;
	case FILE_PDF:
	case FILE_PNG:
	case FILE_TEXT:
		use_file(msg, line);
		break;
	case CARD:
		msg->text = g_strdup(line->text);
		msg->attachments = g_strdup(seed_card);
		break;
	case EDITED:
		msg->updated = msg->created + 4 * 60000 + 345;
		msg->edits = 1;
		msg->text = g_strdup(line->text);
		break;
	case SAY:
	case REPLY:
	default:
		msg->text = g_strdup(line->text);
	}
}

static void add_line(struct demo *d, const struct seed_line *line)
{
	struct room *room = d->rooms[line->room];
	uint64_t t = t100_from_ms(moment(d, line->days, line->at)) + d->sim->seed % 9000;
	struct message *msg;

	/* Lines of one minute stay in the order of the table. */
	if (t <= d->last_t100[line->room])
		t = d->last_t100[line->room] + 31234567;
	d->last_t100[line->room] = t;
	msg = data_message_add(d->sim, room, person(d, line->who), t);
	use_content(d, msg, line);
	if (line->kind != REPLY && line->kind != REPLY_MD) {
		d->last_root[line->room] = msg;
	} else if (d->last_root[line->room]) {
		msg->has_parent = true;
		msg->parent = d->last_root[line->room]->uuid;
	}
}

/* The bot's morning reports: what makes a history long. */
static void add_reports(struct demo *d)
{
	for (int day = 136; day > 0; day -= 2) {
		uint64_t t = t100_from_ms(moment(d, day, "05:30"));
		struct message *msg = data_message_add(d->sim, d->rooms[ROOM_SUPPORT],
						       person(d, "simbot"), t);
		unsigned volts = (unsigned)(splitmix64(&d->sim->seed) % 9);

		msg->text = g_strdup_printf("Morning report: %u of 8 buoys reporting, lowest "
					    "battery 12.%u V.",
					    day == 10 ? 7U : 8U, volts);
	}
}

void seed_demo(struct sim *sim)
{
	struct demo d = {.sim = sim, .now = data_now(sim)};

	add_people(&d);
	add_rooms(&d);
	add_directs(&d);
	for (size_t i = 0; i < seed_lines_n; i++)
		add_line(&d, &seed_lines[i]);
	add_reports(&d);
	/* He left: his messages stay, his person id resolves no more (5.1). */
	data_person_delete(sim, person(&d, "oscar"));
}
