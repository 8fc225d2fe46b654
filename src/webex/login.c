/* SPDX-License-Identifier: MIT */
#include "webex/login.h"

static bool become(struct webex_login_state *l, enum webex_login state)
{
	bool is_change = l->state != state;

	l->state = state;
	return is_change;
}

bool login_accepted(struct webex_login_state *l, unsigned turn)
{
	return turn == l->turn && become(l, WEBEX_LOGIN_GOOD);
}

bool login_refused(struct webex_login_state *l, unsigned turn)
{
	if (turn != l->turn)
		return false;
	l->turn++;
	return become(l, WEBEX_LOGIN_NEEDED);
}

bool login_renewed(struct webex_login_state *l, bool is_proven)
{
	l->turn++;
	return is_proven && become(l, WEBEX_LOGIN_GOOD);
}
