/* SPDX-License-Identifier: MIT */
/*
 * Two files a letter. They come into being body first, .json second, and go in the same order:
 *   a body without .json was never submitted (its writer saw no success): it is kept;
 *   a .json without body is a letter that was being removed: it goes.
 * But a letter that is sent again is written .json first: its bytes are another letter's, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/private.h"
#include "base/snapshot.h"
