/*
 * User-mode Linux 6.1 keeps 2696 bytes of a process's floating-point registers: all there was up to AVX-512
 * (arch/um, HOST_FP_SIZE). Where the processor has AMX the whole is 11008 bytes, the kernel below takes
 * PTRACE_SETREGSET of NT_X86_XSTATE only in one piece (xstateregs_set), and the first program of the lab
 * ends with "ptrace set fp regs failed, errno = 14". Loaded before libc, this gives it the rest: zeros,
 * the initial state of registers that nothing in the lab has asked for.
 *
 *      0                 512      576             2696                 11008
 *     +-----------------+--------+---------------+--------------------+
 *     | FXSAVE          | header | AVX .. PKRU   | AMX: tiles         |
 *     +-----------------+--------+---------------+--------------------+
 *     |<------------- user-mode Linux ---------->|<------ zeros ----->|
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Far more than any processor has. One processor in the lab, and its kernel is not preempted here. */
static unsigned char whole[65536] __attribute__((aligned(64)));

typedef long (*ptrace_function)(enum __ptrace_request, pid_t, void *, void *);

/* What the kernel below calls the whole, in bytes; 0 when it does not say. */
static size_t whole_size(ptrace_function next, pid_t pid) {
  static size_t size;
  if (size == 0) {
    struct iovec all = { whole, sizeof whole };
    if (next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) == 0) size = all.iov_len;
    memset(whole, 0, sizeof whole);
  }
  return size;
}

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_function next;
  if (next == NULL) next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
  va_list arguments;
  va_start(arguments, request);
  pid_t pid = va_arg(arguments, pid_t);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);

  long outcome = next(request, pid, address, data);
  if (request != PTRACE_SETREGSET || address != (void *)NT_X86_XSTATE) return outcome;
  if (outcome == 0 || errno != EFAULT) return outcome;
  const struct iovec *given = data;
  size_t size = whole_size(next, pid);
  if (given->iov_len >= size) {
    errno = EFAULT;
    return -1;
  }
  memcpy(whole, given->iov_base, given->iov_len);
  struct iovec all = { whole, size };
  return next(request, pid, address, &all);
}
