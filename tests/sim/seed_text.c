/* SPDX-License-Identifier: MIT */
#include "seed_text.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct seed_person seed_people[] = {
	{"1a7e5c30-94d2-4f6b-a1c8-0d3e9b527f01", "carol@example.com", "Carol Tanaka",
	 "Product Designer", "Design", "active"},
	{"2b8f6d41-a5e3-407c-b2d9-1e4fac638002", "dave@example.com", "Dave Okafor",
	 "Field Technician", "Field Operations", "inactive"},
	{"3c907e52-b6f4-418d-83ea-2f50bd749103", "erin@example.com", "Erin Lindqvist",
	 "Oceanographer", "Science", "meeting"},
	{"4da18f63-c705-429e-94fb-3061ce85a204", "frank@example.com", "Frank Duarte",
	 "Firmware Developer", "Engineering", "active"},
	{"5eb2a074-d816-43af-a50c-4172df96b305", "grace@example.com", "Grace Adeyemi",
	 "Managing Director", "Management", "DoNotDisturb"},
	{"6fc3b185-e927-44b0-b61d-5283e0a7c406", "heidi@example.com", "Heidi Brandt",
	 "Customer Support", "Support", "active"},
	{"70d4c296-fa38-45c1-872e-6394f1b8d507", "ivan@example.com", "Ivan Petrov",
	 "Production Manager", "Production", "OutOfOffice"},
	{"81e5d3a7-0b49-46d2-983f-74a502c9e608", "judy@example.com", "Judy Nakamura",
	 "Data Scientist", "Science", "inactive"},
	{"92f6e4b8-1c5a-47e3-a940-85b613daf709", "mika@example.com", "Mika Virtanen",
	 "Field Technician", "Field Operations", "active"},
	{"a307f5c9-2d6b-48f4-ba51-96c724eb080a", "oscar@example.com", "Oscar Lindt", "Intern",
	 "Engineering", "inactive"},
};
const size_t seed_people_n = COUNT(seed_people);

const char *const seed_pdf_lines[] = {
	"1. Two moorings, north and south of the breakwater, 14 m and 18 m depth.",
	"2. Each buoy: wave height, water temperature, wind, air pressure.",
	"3. One report every ten minutes over the harbour's radio network.",
	"4. Batteries last nine months without sun; service visits in spring and autumn.",
	"5. Data arrives as plain text files, one a day.",
	"",
	"Open: who pays for the replacement of the north anchor?",
	0,
};

const char seed_notes[] = "Harbour buoy project, meeting notes\n"
			  "===================================\n"
			  "- north anchor: divers confirm it moved about 3 m\n"
			  "- firmware 3.2 goes on the south buoy first\n"
			  "- Erin compares wave heights with the port's own gauge\n"
			  "- next meeting after the service visit\n";

const char seed_series[] = "# north buoy, wave height in m, corrected for the anchor\n"
			   "2026-01 1.42\n2026-02 1.61\n2026-03 1.18\n"
			   "2026-04 0.97\n2026-05 0.74\n";

const char seed_log_old[] = "00:00:01 boot 3.1.4 reason=watchdog\n"
			    "00:00:02 radio: join ok rssi=-71\n"
			    "00:10:00 report 1 sent\n"
			    "00:19:58 i2c: pressure sensor timeout\n"
			    "00:20:00 report 2 sent (pressure missing)\n";

const char seed_log_new[] = "00:00:01 boot 3.2.0-rc2 reason=power\n"
			    "00:00:02 radio: join ok rssi=-68\n"
			    "00:10:00 report 1 sent\n"
			    "00:20:00 report 2 sent\n"
			    "00:30:00 report 3 sent\n";

const char seed_card[] =
	"[{\"contentType\":\"application/vnd.microsoft.card.adaptive\",\"content\":{"
	"\"type\":\"AdaptiveCard\",\"version\":\"1.3\",\"body\":["
	"{\"type\":\"TextBlock\",\"size\":\"Medium\",\"weight\":\"Bolder\","
	"\"text\":\"Ticket 4711: buoy 7 silent\"},"
	"{\"type\":\"TextBlock\",\"text\":\"No report since 06:40. Who takes it?\","
	"\"wrap\":true},"
	"{\"type\":\"Input.Text\",\"id\":\"note\",\"placeholder\":\"Note\"}],"
	"\"actions\":[{\"type\":\"Action.Submit\",\"title\":\"I take it\","
	"\"data\":{\"ticket\":4711}}]}}]";

const struct seed_line seed_lines[] = {
	{ROOM_BUOY, 143, "09:12", "grace", MARKDOWN,
	 "Welcome to the **harbour buoy project**. Goals for this year:\n\n"
	 "1. two buoys in the water before winter\n2. data on the port's screen\n"
	 "3. no divers after October",
	 0},
	{ROOM_BUOY, 143, "09:20", "alice", SAY,
	 "I'm in. The moorings need a look before we order anything.", 0},
	{ROOM_BUOY, 143, "09:31", "erin", REPLY,
	 "Wave climate says 18 m for the south one, the swell breaks further in.", 0},
	{ROOM_BUOY, 141, "14:02", "bob", SAY,
	 "Radio link test from the quay: -71 dBm at the north position, fine.", 0},
	{ROOM_BUOY, 138, "08:45", "alice", FILE_PDF, "The proposal as sent to the port.",
	 "Harbour buoys - proposal.pdf"},
	{ROOM_BUOY, 138, "08:58", "grace", REPLY,
	 "Reads well. Page 1 is all they will look at.", 0},
	{ROOM_BUOY, 138, "10:15", "ivan", REPLY,
	 "Delivery of the hulls is 8 weeks, not 6. Please say so before they sign.", 0},
	{ROOM_BUOY, 138, "10:40", "alice", REPLY_MD, "Changed to **8 weeks**, thanks Ivan.", 0},
	{ROOM_BUOY, 121, "07:50", "dave", SAY,
	 "Divers were down today. The old north anchor has moved, about three metres.", 0},
	{ROOM_BUOY, 121, "07:58", "erin", REPLY, "That explains the drift in the spring data!",
	 0},
	{ROOM_BUOY, 121, "08:20", "judy", REPLY,
	 "I can correct for it if somebody gives me the date of the storm.", 0},
	{ROOM_BUOY, 121, "08:41", "dave", REPLY,
	 "Night to the 14th, the chain was slack after that.", 0},
	{ROOM_BUOY, 96, "12:30", "erin", FILE_PNG, "Wave heights per month, last year.",
	 "wave heights.png"},
	{ROOM_BUOY, 96, "12:44", "grace", REPLY, "Can we have that on the port's screen?", 0},
	{ROOM_BUOY, 96, "13:05", "carol", REPLY_MD,
	 "Yes, see the sketch in the design space. `#2b7ab8` is the blue.", 0},
	{ROOM_BUOY, 74, "15:10", "alice", FILE_TEXT, 0, "notes.txt"},
	{ROOM_BUOY, 51, "09:00", "ivan", SAY, "Hulls have arrived. They are very orange.", 0},
	{ROOM_BUOY, 51, "09:04", "mika", REPLY, "Good. I want to see them from the boat.", 0},
	{ROOM_BUOY, 33, "16:20", "bob", MARKDOWN,
	 "South buoy runs 3.2.0-rc2 since noon:\n\n```\nreport 1 sent\nreport 2 sent\n"
	 "report 3 sent\n```\n\nNo watchdog resets so far.",
	 0},
	{ROOM_BUOY, 33, "16:31", "erin", REPLY,
	 "Temperature looks 0.2 too high, is that known?", 0},
	{ROOM_BUOY, 33, "16:35", "bob", REPLY_MD,
	 "<@personEmail:frank@example.com|Frank> did you keep the offset from 3.1?", 0},
	{ROOM_BUOY, 33, "16:52", "frank", REPLY, "No. Fixed in rc3, tomorrow.", 0},
	{ROOM_BUOY, 12, "10:05", "alice", EDITED,
	 "Service visit is on Thursday, boat leaves at 07:30 from pier 4.", 0},
	{ROOM_BUOY, 12, "10:11", "dave", REPLY, "Pier 4 is closed until December, use pier 2.",
	 0},
	{ROOM_BUOY, 12, "10:15", "alice", REPLY, "Pier 2 then. Thanks!", 0},
	{ROOM_BUOY, 4, "13:37", "judy", FILE_TEXT,
	 "Corrected series for the north buoy, January to May.", "notes.txt"},
	{ROOM_BUOY, 1, "08:14", "erin", MARKDOWN,
	 "<@all> the port's gauge and our south buoy agree within *2 cm* over a week. "
	 "That is better than promised.",
	 0},
	{ROOM_BUOY, 1, "08:22", "grace", REPLY, "Wonderful. I will tell them at lunch.", 0},
	{ROOM_BUOY, 1, "15:40", "bob", MARKDOWN,
	 "<@personEmail:alice@example.com|Alice> can you bring the spare radio on Monday?", 0},
	{ROOM_BUOY, 0, "52", "alice", REPLY, "It is in the car already.", 0},

	{ROOM_NEWS, 160, "08:00", "grace", MARKDOWN,
	 "# Welcome\nThis space is for announcements only. Questions go to your team's space.",
	 0},
	{ROOM_NEWS, 128, "08:30", "admin", SAY,
	 "The VPN changes on Sunday 20:00 UTC. Keep your laptop on the old profile until then.",
	 0},
	{ROOM_NEWS, 90, "09:00", "grace", MARKDOWN,
	 "We won the **Port of Aveiro** contract. Thank you, everyone who worked on it "
	 "\xf0\x9f\x8e\x89",
	 0},
	{ROOM_NEWS, 60, "08:05", "grace", SAY,
	 "Summer party: Friday in three weeks, at the boathouse.", 0},
	{ROOM_NEWS, 39, "10:10", "admin", MARKDOWN,
	 "New laptops are ready to be fetched:\n\n- Engineering: today\n- Science: tomorrow\n"
	 "- everybody else: Thursday",
	 0},
	{ROOM_NEWS, 9, "08:00", "grace", SAY,
	 "The office in Bergen moves to the second floor. Boxes are in the corridor.", 0},

	{ROOM_FIELD, 155, "06:55", "dave", SAY,
	 "New home of the field crew. Boat plan comes every Sunday.", 0},
	{ROOM_FIELD, 120, "18:00", "dave", MARKDOWN,
	 "Boat plan:\n\n- Monday *Sula*\n- Tuesday and Thursday *Tern*", 0},
	{ROOM_FIELD, 64, "06:10", "mika", SAY, "Sula has a flat battery, taking Tern today.",
	 0},
	{ROOM_FIELD, 64, "06:14", "dave", REPLY, "Charger is in the blue box under the bench.",
	 0},
	{ROOM_FIELD, 21, "17:45", "dave", EDITED, "Boat plan: Monday Tern, Wednesday Sula.", 0},
	{ROOM_FIELD, 2, "17:30", "dave", SAY,
	 "Boat plan: Tuesday Tern. Storm from Thursday on, nobody goes out.", 0},

	{ROOM_VISITS, 110, "16:00", "mika", SAY, "Buoy 3: cleaned, new lamp, battery 12.6 V.",
	 0},
	{ROOM_VISITS, 87, "15:20", "dave", SAY,
	 "Buoy 7: solar panel scratched but working. Battery 12.1 V.", 0},
	{ROOM_VISITS, 58, "15:55", "mika", SAY,
	 "Buoy 1 and 2 done. Birds love the new platform.", 0},
	{ROOM_VISITS, 58, "16:10", "alice", REPLY,
	 "Please put the spikes back on, the panel is white by now.", 0},
	{ROOM_VISITS, 26, "14:40", "dave", FILE_TEXT, "Log of buoy 7 before the update.",
	 "buoy7.log"},
	{ROOM_VISITS, 19, "11:25", "dave", FILE_TEXT, "And after it.", "buoy7.log"},
	{ROOM_VISITS, 19, "11:40", "bob", REPLY, "No more pressure time-outs. Good.", 0},
	{ROOM_VISITS, 5, "16:05", "mika", SAY, "Buoy 4: rope replaced. Battery 12.5 V.", 0},

	{ROOM_LUNCH_A, 100, "10:55", "carol", SAY, "Lisbon people: grilled sardines at 12:30?",
	 0},
	{ROOM_LUNCH_A, 100, "10:56", "alice", REPLY, "Always.", 0},
	{ROOM_LUNCH_A, 47, "11:20", "frank", SAY,
	 "The soup place is open again \xf0\x9f\x8d\xb2", 0},
	{ROOM_LUNCH_A, 6, "11:02", "alice", SAY, "Table for five, 12:45.", 0},
	{ROOM_LUNCH_B, 93, "10:10", "heidi", SAY, "Bergen: canteen has fiskesuppe today.", 0},
	{ROOM_LUNCH_B, 40, "10:20", "alice", SAY,
	 "I'm in Bergen this week, keep a chair for me!", 0},
	{ROOM_LUNCH_B, 40, "10:21", "heidi", REPLY, "Done. Bring an umbrella.", 0},

	{ROOM_DESIGN, 117, "13:00", "carol", SAY,
	 "Every Wednesday: one screen, thirty minutes, honest words.", 0},
	{ROOM_DESIGN, 95, "09:30", "carol", FILE_PNG, "Sketch of the port's screen, version 1.",
	 "port screen v1.png"},
	{ROOM_DESIGN, 95, "09:48", "erin", REPLY,
	 "Harbour people read from five metres away. Bigger numbers!", 0},
	{ROOM_DESIGN, 95, "10:02", "carol", REPLY, "Fair. Version 2 follows.", 0},
	{ROOM_DESIGN, 80, "14:15", "carol", MARKDOWN,
	 "Version 2 rules:\n\n> One number, one unit, one arrow.\n\nSee "
	 "[the guide](https://design.example.com/port).",
	 0},
	{ROOM_DESIGN, 44, "09:10", "bob", SAY,
	 "caf\xc3\xa9 mode (dark) looks great on the boat \xf0\x9f\x91\x8d", 0},
	{ROOM_DESIGN, 8, "13:20", "carol", FROM_APP,
	 "<p>Next week: <strong>alarm colours</strong>.</p><p>Please bring examples.</p>", 0},

	{ROOM_PORT, 88, "09:00", "alice", MARKDOWN,
	 "Welcome to our shared space, <@personEmail:victor@partner.example|Victor>. "
	 "Everything "
	 "about the installation goes here.",
	 0},
	{ROOM_PORT, 88, "09:40", "victor", SAY,
	 "Thank you. Our harbour master asks for the mooring plan.", 0},
	{ROOM_PORT, 86, "10:10", "alice", FILE_PDF, "Mooring plan, as discussed.",
	 "mooring plan.pdf"},
	{ROOM_PORT, 86, "11:30", "victor", REPLY, "Received, forwarded to him.", 0},
	{ROOM_PORT, 30, "14:00", "victor", SAY,
	 "The screen shows wind in km/h. We need knots, please.", 0},
	{ROOM_PORT, 30, "14:06", "carol", REPLY, "Done, it will switch over night.", 0},
	{ROOM_PORT, 3, "09:15", "victor", SAY, "All fine here. The captains like it.", 0},

	{ROOM_FIRMWARE, 150, "08:20", "bob", SAY,
	 "Branch 3.2 is open. One change, one branch, one review.", 0},
	{ROOM_FIRMWARE, 131, "11:45", "oscar", SAY, "First week done, thanks for all the help!",
	 0},
	{ROOM_FIRMWARE, 115, "09:32", "frank", MARKDOWN,
	 "The watchdog bites because `i2c_wait()` never gives up:\n\n```c\n"
	 "while (!(SR1 & BTF))\n\t;\n```\n\nShould count to something.",
	 0},
	{ROOM_FIRMWARE, 115, "09:40", "bob", REPLY, "Ouch. 20 ms and a retry.", 0},
	{ROOM_FIRMWARE, 115, "13:02", "frank", REPLY_MD, "Pushed, see `i2c-timeout`.", 0},
	{ROOM_FIRMWARE, 82, "16:10", "bob", SAY, "rc1 is out. Please break it.", 0},
	{ROOM_FIRMWARE, 81, "07:30", "frank", EDITED,
	 "Broke it: no report when the clock is not set.", 0},
	{ROOM_FIRMWARE, 45, "10:00", "bob", MARKDOWN,
	 "Before 3.2 leaves the house:\n\n- [x] time-outs\n- [x] clock\n- [ ] temperature "
	 "offset",
	 0},
	{ROOM_FIRMWARE, 32, "09:10", "frank", SAY, "rc3: offset is back. Sorry, Erin.", 0},
	{ROOM_FIRMWARE, 15, "15:00", "bob", MARKDOWN, "**3.2.0 is released.** \xf0\x9f\x9a\xa2",
	 0},
	{ROOM_FIRMWARE, 15, "15:02", "alice", REPLY, "Congratulations, both of you!", 0},
	{ROOM_FIRMWARE, 2, "09:45", "bob", SAY,
	 "Ideas for 3.3 anybody? I start with: less power at night.", 0},
	{ROOM_FIRMWARE, 0, "180", "frank", REPLY, "Sleep the radio between reports. 40 % less.",
	 0},

	{ROOM_SUPPORT, 140, "08:00", "heidi", SAY,
	 "Tickets arrive here. SimBot keeps the list.", 0},
	{ROOM_SUPPORT, 102, "09:17", "heidi", MARKDOWN,
	 "<@personEmail:simbot@webex.bot|SimBot> status", 0},
	{ROOM_SUPPORT, 102, "09:17", "simbot", REPLY, "3 open tickets, oldest is 2 days.", 0},
	{ROOM_SUPPORT, 66, "13:30", "heidi", SAY,
	 "Customer in Split: lamp blinks red. Is that bad?", 0},
	{ROOM_SUPPORT, 66, "13:41", "dave", REPLY,
	 "Red = no position. Ask them to turn it off and on again.", 0},
	{ROOM_SUPPORT, 66, "14:20", "heidi", REPLY, "It worked. It always does.", 0},
	{ROOM_SUPPORT, 10, "06:45", "simbot", CARD, "Ticket 4711: buoy 7 silent. Who takes it?",
	 0},
	{ROOM_SUPPORT, 10, "07:01", "dave", REPLY, "I take it.", 0},

	{ROOM_READING, 84, "17:00", "judy", SAY,
	 "First book: The Sea Around Us, Rachel Carson.", 0},
	{ROOM_READING, 52, "17:30", "erin", SAY, "Chapter 3 alone is worth it.", 0},
	{ROOM_READING, 17, "17:05", "judy", SAY, "Vote for the next one until Friday.", 0},

	{DIRECT_ALICE_BOB, 134, "08:10", "bob", SAY, "Do you have the key of the lab?", 0},
	{DIRECT_ALICE_BOB, 134, "08:12", "alice", SAY, "Top drawer, under the batteries.", 0},
	{DIRECT_ALICE_BOB, 70, "12:00", "alice", SAY, "Lunch?", 0},
	{DIRECT_ALICE_BOB, 70, "12:01", "bob", REPLY, "Five minutes.", 0},
	{DIRECT_ALICE_BOB, 16, "14:33", "bob", MARKDOWN,
	 "3.2.0 tomorrow. *Don't tell anyone yet.*", 0},
	{DIRECT_ALICE_BOB, 16, "14:34", "alice", SAY, "My lips are sealed \xf0\x9f\xa4\x90", 0},
	{DIRECT_ALICE_BOB, 0, "95", "bob", SAY, "Are you coming to the quay this afternoon?",
	 0},
	{DIRECT_ALICE_CAROL, 94, "11:11", "carol", FILE_PNG, "For your slides.", "chart.png"},
	{DIRECT_ALICE_CAROL, 94, "11:20", "alice", SAY, "Perfect, thank you!", 0},
	{DIRECT_ALICE_CAROL, 7, "16:00", "carol", SAY,
	 "Do you still have the photos from the boat?", 0},
	{DIRECT_ALICE_DAVE, 122, "19:05", "dave", SAY, "Anchor pictures are on the share.", 0},
	{DIRECT_ALICE_DAVE, 13, "06:58", "dave", SAY, "Gloves. Bring gloves.", 0},
	{DIRECT_ALICE_ADMIN, 61, "09:00", "admin", SAY, "Your new laptop is ready.", 0},
	{DIRECT_ALICE_ADMIN, 61, "09:30", "alice", SAY, "On my way.", 0},
	{DIRECT_ALICE_BOT, 101, "10:00", "alice", SAY, "help", 0},
	{DIRECT_ALICE_BOT, 101, "10:00", "simbot", SAY, "I know: status, list, take <ticket>.",
	 0},
	{DIRECT_BOB_CAROL, 43, "10:00", "carol", SAY, "Which grey does the boat display have?",
	 0},
	{DIRECT_BOB_CAROL, 43, "10:30", "bob", SAY, "All of them, badly.", 0},
};
const size_t seed_lines_n = COUNT(seed_lines);
