/* SPDX-License-Identifier: MIT */
/* Small valid documents made here, so that the repository needs no binary files. */
#include "seed.h"

#include <string.h>

#define PNG_W 240
#define PNG_H 120

static void append(GByteArray *out, const void *data, size_t len)
{
	g_byte_array_append(out, data, (guint)len);
}

static void append_text(GByteArray *out, const char *text)
{
	append(out, text, strlen(text));
}

static void append_printf(GByteArray *out, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void append_printf(GByteArray *out, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	append_text(out, text);
	g_free(text);
}

static void pdf_string(GString *out, const char *text)
{
	g_string_append_c(out, '(');
	for (; *text; text++) {
		if (strchr("()\\", *text))
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
	g_string_append_c(out, ')');
}

static GString *pdf_page(const char *title, const char *const *lines)
{
	GString *page = g_string_new("BT /F1 20 Tf 72 760 Td ");

	pdf_string(page, title);
	g_string_append(page, " Tj /F1 11 Tf 0 -36 Td 16 TL ");
	for (; *lines; lines++) {
		pdf_string(page, *lines);
		g_string_append(page, " Tj T* ");
	}
	g_string_append(page, "ET");
	return page;
}

GByteArray *seed_pdf(const char *title, const char *const *lines)
{
	static const char *const objects[] = {
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
		 "/Resources << /Font << /F1 4 0 R >> >> >>"),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	};
	GByteArray *out = g_byte_array_new();
	GString *page = pdf_page(title, lines);
	guint offsets[6], start;

	append_text(out, "%PDF-1.4\n");
	for (guint i = 0; i < G_N_ELEMENTS(objects); i++) {
		offsets[i + 1] = out->len;
		append_printf(out, "%u 0 obj\n%s\nendobj\n", i + 1, objects[i]);
	}
	offsets[5] = out->len;
	append_printf(out,
		      "5 0 obj\n<< /Length %" G_GSIZE_FORMAT " >>\nstream\n%s\nendstream\n",
		      page->len, page->str);
	append_text(out, "endobj\n");
	start = out->len;
	append_text(out, "xref\n0 6\n0000000000 65535 f \n");
	for (int i = 1; i <= 5; i++)
		append_printf(out, "%010u 00000 n \n", offsets[i]);
	append_printf(out, "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%u\n%%%%EOF\n",
		      start);
	g_string_free(page, TRUE);
	return out;
}

static void be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint32_t adler32_of(const uint8_t *p, size_t len)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < len; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return (b << 16) | a;
}

static void png_chunk(GByteArray *out, const char *type, const void *data, size_t len)
{
	GByteArray *body = g_byte_array_new();
	uint8_t word[4];

	append(body, type, 4);
	append(body, data, len);
	be32(word, (uint32_t)len);
	append(out, word, 4);
	append(out, body->data, body->len);
	be32(word, crc32_of(body->data, body->len));
	append(out, word, 4);
	g_byte_array_free(body, TRUE);
}

/* Rows of palette indexes, each behind its filter byte: 0 paper, 1 bar, 2 axis. */
static GByteArray *png_rows(const int *bars, int n)
{
	GByteArray *rows = g_byte_array_new();
	int width = (PNG_W - 20) / (n > 0 ? n : 1);

	for (int y = 0; y < PNG_H; y++) {
		uint8_t row[PNG_W + 1] = {0};

		for (int x = 0; x < PNG_W; x++) {
			int bar = (x - 10) / width;
			int height = PNG_H - 10 - y;

			if (x == 9 || y == PNG_H - 10)
				row[x + 1] = 2;
			else if (x >= 10 && bar < n && (x - 10) % width < width - 3 &&
				 height > 0 && height <= bars[bar])
				row[x + 1] = 1;
		}
		append(rows, row, sizeof(row));
	}
	return rows;
}

GByteArray *seed_png(const int *bars, int n)
{
	static const uint8_t palette[] = {0xff, 0xff, 0xff, 0x2b, 0x7a, 0xb8, 0x33, 0x33, 0x33};
	GByteArray *out = g_byte_array_new(), *z = g_byte_array_new();
	GByteArray *rows = png_rows(bars, n);
	uint8_t head[13] = {0}, word[4], block[5] = {1};

	append(out, "\x89PNG\r\n\x1a\n", 8);
	be32(head, PNG_W);
	be32(head + 4, PNG_H);
	head[8] = 8;
	head[9] = 3;
	png_chunk(out, "IHDR", head, sizeof(head));
	png_chunk(out, "PLTE", palette, sizeof(palette));
	/* zlib with one stored block: the picture is below 64 KiB. */
	append(z, "\x78\x01", 2);
	block[1] = (uint8_t)rows->len;
	block[2] = (uint8_t)(rows->len >> 8);
	block[3] = (uint8_t)~block[1];
	block[4] = (uint8_t)~block[2];
	append(z, block, sizeof(block));
	append(z, rows->data, rows->len);
	be32(word, adler32_of(rows->data, rows->len));
	append(z, word, 4);
	png_chunk(out, "IDAT", z->data, z->len);
	png_chunk(out, "IEND", "", 0);
	g_byte_array_free(z, TRUE);
	g_byte_array_free(rows, TRUE);
	return out;
}
