/* SPDX-License-Identifier: Apache-2.0 */
/* base/auto.c: the ends of scopes. They keep errno, because a scope often ends between a failure and its report. */
#include "base/auto.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void vl_fd_closep(int *fd)
{
	int err = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = err;
}

int vl_fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

void vl_str_freep(char **s)
{
	int err = errno;

	free(*s);
	*s = NULL;
	errno = err;
}
