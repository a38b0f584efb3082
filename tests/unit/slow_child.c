/* A library to preload: of the processes that a program forks, each second one
 * begins late, as on a machine that has much to do. */
#include <dlfcn.h>
#include <unistd.h>

pid_t fork(void)
{
	static pid_t (*real)(void);
	pid_t pid;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fork");
	pid = real();
	if (pid == 0 && getpid() % 2)
		usleep(40000);
	return pid;
}
