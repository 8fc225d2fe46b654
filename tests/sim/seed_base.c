/* SPDX-License-Identifier: MIT */
#include "seed.h"

#define ORG_UUID "5d1f2e3c-0b9a-4887-b6a5-c4d3e2f10987"
#define PARTNER_UUID "8b2c4d6e-1f3a-4b5c-9d7e-0a1b2c3d4e5f"

static struct person *add(struct sim *sim, const char *uuid, const char *email,
			  const char *name, int64_t created)
{
	struct person *p;
	struct uuid u;

	uuid_parse(uuid, &u);
	p = data_person_add(sim, &u, email, name, sim->orgs->pdata[0], created);
	p->activity = data_now(sim) - 60000;
	p->modified = created;
	p->status = "active";
	return p;
}

static void add_license(struct sim *sim, const char *uuid, const char *name, int total,
			int consumed)
{
	struct license *l = g_new0(struct license, 1);

	uuid_parse(uuid, &l->uuid);
	l->name = name;
	l->total = total;
	l->consumed = consumed;
	g_ptr_array_add(sim->licenses, l);
}

void seed_base(struct sim *sim)
{
	int64_t founded = 1683356889010; /* 2023-05-06T07:08:09.010Z */
	struct person *p;

	data_org_add(sim, ORG_UUID, "Saltmarsh Instruments", founded);
	data_org_add(sim, PARTNER_UUID, "Partner Works", founded + 86400000);
	add_license(sim, "9b8a7c6d-5e4f-4321-8765-4321fedcba98", "Messaging", 50, 14);
	add_license(sim, "1c2d3e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5",
		    "Meeting - Webex Meetings Suite", 25, 9);
	add_license(sim, "2d3e4f5a-6b7c-4d8e-9fa0-b1c2d3e4f5a6", "Advanced Messaging", 50, 14);
	p = add(sim, "3f0b6a52-7c1e-4d0a-9b7e-52f4a1c08d11", "alice@example.com",
		"Alice Moreno", founded + 3600000);
	p->nick = g_strdup("Ali");
	p->avatar = g_strdup("https://avatar.example.org/V1~3f0b6a527c1e~1600");
	p->title = g_strdup("Field Engineer");
	p->department = g_strdup("Instruments");
	data_token_add(sim, "alice-token", p, true);
	p = add(sim, "a8d2c3e4-1b2f-4c7d-8e9f-0a1b2c3d4e5f", "bob@example.com", "Bob Keller",
		founded + 7200000);
	p->title = g_strdup("Firmware Developer");
	p->department = g_strdup("Engineering");
	data_token_add(sim, "bob-token", p, true);
	p = add(sim, "c4e5f607-1829-4a3b-8c4d-5e6f70819203", "admin@example.com",
		"Ingrid Solberg", founded + 1800000);
	p->kind = PERSON_ADMIN;
	p->title = g_strdup("IT Administrator");
	data_token_add(sim, "admin-token", p, true);
	p = add(sim, "d5f60718-293a-4b4c-8d5e-6f7081920314", "simbot@webex.bot", "SimBot",
		founded + 9000000);
	p->kind = PERSON_BOT;
	data_token_add(sim, "bot-token", p, true);
}
