/* Records what the host processor does with x87, MMX and SSE instructions on chosen operands.
 *
 *   gcc -O1 -o vectors vectors.c && ./vectors SEED PER_OPERATION | gzip -9 > ../cpu/fpu/vectors/host.bin.gz
 *
 * Each record is one `struct record`, little endian; test/cpu/fpu/vectors.test.ts replays them. The
 * instruction sees: ST and MM registers from `st` (the rest hold small integers), XMM0 and XMM1,
 * EDX, EFLAGS, memory at [EAX], and leaves its integer result in ECX where it has one. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;

#pragma pack(1)
struct record {
  u8 length, code[10], exact; /* exact: 0 where only one unit in the last place is promised */
  u16 fcw, fsw; u8 tags, pad[3]; u32 mxcsr;
  u8 st[2][10]; u8 xmm[2][16]; u8 mem[16]; u32 edx, eflags;
  u16 fswOut; u8 tagsOut, vector; u32 mxcsrOut;
  u8 stOut[3][10]; u8 pad2[2]; u8 xmmOut[16]; u8 memOut[16]; u32 ecxOut, edxOut, eflagsOut;
};
struct image { u16 fcw, fsw; u8 tags, r0; u16 fop; u64 rip, rdp; u32 mxcsr, mask; u8 st[8][16]; u8 xmm[16][16]; u8 rest[96]; };
#pragma pack()

static struct image in __attribute__((aligned(16))), out __attribute__((aligned(16)));
static u8 mem[64] __attribute__((aligned(64)));
static u8 *code; static volatile int trapped; static u8 length;
static u64 seed;
static u32 rnd(void) { seed = seed * 6364136223846793005ull + 1442695040888963407ull; return seed >> 33; }
static u32 rn(u32 n) { return rnd() % n; }
static u64 r64(void) { return (u64)rnd() << 42 ^ (u64)rnd() << 21 ^ rnd(); }

static void onTrap(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context; (void)sig; (void)info;
  trapped = u->uc_mcontext.gregs[REG_TRAPNO];
  u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(code + length);
}

static u32 single(void) {
  static const u32 t[] = { 0, 0x80000000, 0x3f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f800001, 0xffa00000, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0x4b000000, 0x4f000000, 0xcf000000 };
  switch (rn(6)) { case 0: return t[rn(16)]; case 1: return rnd() << 1; case 2: { float f = (int)rn(200) - 100; u32 u; memcpy(&u, &f, 4); return u; } }
  return (rnd() << 31) | (rnd() & 0x7fffff) | (117 + rn(20)) << 23;
}
static u64 twice(void) {
  static const u64 t[] = { 0, 1ull << 63, 0x3ff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000123, 0x7ff0000000000001, 0xfff4000000000000, 1, 0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x4330000000000000, 0x41e0000000000000, 0xc1e0000000200000 };
  switch (rn(6)) { case 0: return t[rn(16)]; case 1: return r64(); case 2: { double f = (int)rn(2000) - 1000; u64 u; memcpy(&u, &f, 8); return u; } }
  return (r64() & 0x800fffffffffffffull) | (u64)(1013 + rn(20)) << 52;
}
static void extended(u8 *p, int small) {
  static const struct { u16 e; u64 m; } t[] = { { 0, 0 }, { 0x8000, 0 }, { 0x3fff, 1ull << 63 }, { 0x7fff, 1ull << 63 }, { 0xffff, 1ull << 63 }, { 0x7fff, 3ull << 62 }, { 0xffff, 3ull << 62 }, { 0x7fff, 0x8000000000000001 }, { 0xffff, 0xa000000000000000 }, { 0, 1 }, { 0x8000, 0x7fffffffffffffff }, { 0, 1ull << 63 }, { 1, 1ull << 63 }, { 0x7ffe, ~0ull }, { 0x403e, 1ull << 63 }, { 0x3fff, 0x1234 } };
  u64 m = r64() | 1ull << 63; u16 e = 0x3fff - 12 + rn(24); u32 k = rn(8);
  if (rn(3) == 0) m &= ~0ull << (1 + rn(60));
  if (small) { e = 0x3ff0 + rn(small == 2 ? 14 : 18); }
  else if (k == 0) { u32 i = rn(16); m = t[i].m; e = t[i].e; }
  else if (k == 1) e = rn(0x7fff);
  else if (k == 2) { e = 0x3fff - 80 + rn(160); }
  if (rn(2) && k) e |= 0x8000;
  memcpy(p, &m, 8); memcpy(p + 8, &e, 2);
}

static void run(struct record *r) {
  u64 flags = r->eflags, ecx = 0, edx = r->edx;
  memset(&in, 0, sizeof in);
  in.fcw = r->fcw; in.fsw = r->fsw; in.tags = r->tags; in.mxcsr = r->mxcsr; in.mask = 0xffff;
  for (int i = 0; i < 8; i++) { long double v = i; memcpy(in.st[i], &v, 10); }
  for (int i = 0; i < 2; i++) { memcpy(in.st[i], r->st[i], 10); memcpy(in.xmm[i], r->xmm[i], 16); }
  memcpy(mem, r->mem, 16);
  length = r->length; memcpy(code, r->code, length); code[length] = 0xc3; trapped = 0xff;
  __asm__ volatile("fxrstor %[in]\n pushq %[flags]\n popfq\n call *%[code]\n pushfq\n popq %[flags]\n fxsave %[out]\n fninit\n"
    : [flags] "+r"(flags), "+c"(ecx), "+d"(edx), [out] "=m"(out) : [in] "m"(in), [code] "r"(code), "a"(mem) : "memory", "cc", "xmm0", "xmm1");
  __asm__ volatile("ldmxcsr %0" :: "m"((u32){ 0x1f80 }));
  r->fswOut = out.fsw; r->tagsOut = out.tags; r->vector = trapped; r->mxcsrOut = out.mxcsr;
  for (int i = 0; i < 3; i++) memcpy(r->stOut[i], out.st[i], 10);
  memcpy(r->xmmOut, out.xmm[0], 16); memcpy(r->memOut, mem, 16);
  r->ecxOut = ecx; r->edxOut = edx; r->eflagsOut = flags & 0x8d5;
  fwrite(r, sizeof *r, 1, stdout);
}

enum { F32 = 1, F64, INTS, F80, BCD, SMALL, TINY };
static void fill(struct record *r, int kind, int isX87) {
  memset(r, 0, sizeof *r);
  r->exact = 1; r->edx = rnd() << rn(24); r->eflags = 0x202 | (rnd() & 0x8d5);
  r->fcw = 0x40 | (rn(6) ? 0x3f : rn(64)) | (rn(3) ? 3 : rn(2) * 2) << 8 | (rn(2) ? rn(4) : 0) << 10;
  r->mxcsr = (rn(8) ? 0x1f80 : rn(64) << 7) | (rn(2) ? rn(4) : 0) << 13 | (rn(6) ? 0 : 0x8000) | (rn(6) ? 0 : 0x40) | (rn(3) ? 0 : rn(64));
  int top = isX87 ? rn(8) : 0, depth = rn(6) ? 2 + rn(5) : rn(9);
  r->mxcsr &= ~((~(r->mxcsr >> 7)) & 0x3f);
  r->fsw = top << 11 | (rnd() & 0x4700);
  for (int i = 0; i < depth; i++) r->tags |= 1 << ((top + i) & 7);
  for (int i = 0; i < 2; i++) { extended(r->st[i], kind == SMALL ? 1 : kind == TINY ? 2 : 0); }
  for (int i = 0; i < 3; i++) {
    u8 *to = i < 2 ? r->xmm[i] : r->mem;
    for (int j = 0; j < 2; j++) { u64 v = kind == F32 ? (u64)single() << 32 | single() : kind == F64 ? twice() : rn(3) ? r64() : r64() & 0xff00ff80ff7f00ffull; memcpy(to + 8 * j, &v, 8); }
  }
  if (kind == F80) extended(r->mem, 0);
  if (kind == BCD) { for (int i = 0; i < 9; i++) r->mem[i] = rn(10) | rn(10) << 4; r->mem[9] = rn(2) << 7; }
  if (!isX87) { for (int i = 0; i < 2; i++) { u64 v = r64(); memcpy(r->st[i], &v, 8); } }
}
static void put(struct record *r, int n, const int *bytes) { for (int i = 0; i < n; i++) r->code[r->length++] = bytes[i]; }
#define CODE(...) put(&r, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), (int[]){ __VA_ARGS__ })

static int per;
/* esc /reg with memory, kind of operand */
static void x87Memory(int esc, int reg, int kind) { for (int i = 0; i < per; i++) { struct record r; fill(&r, kind, 1); CODE(esc, reg << 3); run(&r); } }
static void x87Register(int esc, int modrm, int kind) { for (int i = 0; i < per; i++) { struct record r; fill(&r, kind, 1); r.exact = kind != SMALL && kind != TINY; CODE(esc, modrm); run(&r); } }
static void vector(int prefix, int map, int op, int kind, int immediate) {
  for (int i = 0; i < per; i++) {
    struct record r; fill(&r, kind, 0); if (prefix) CODE(prefix); CODE(0x0f); if (map) CODE(map); CODE(op);
    CODE(i & 1 ? 0x00 : 0xc1); if (immediate) CODE(rn(2) ? rn(20) : rn(256)); run(&r); } }
/* ModRM given: general registers, groups, one form only */
static void form(int prefix, int op, int modrm, int kind, int immediate) {
  for (int i = 0; i < per; i++) { struct record r; fill(&r, kind, 0); if (prefix) CODE(prefix); CODE(0x0f, op, modrm); if (immediate) CODE(rn(2) ? rn(20) : rn(256)); run(&r); } }

static void x87All(void) {
  for (int op = 0; op < 8; op++) {
    x87Memory(0xd8, op, F32); x87Memory(0xdc, op, F64); x87Memory(0xda, op, INTS); x87Memory(0xde, op, INTS);
    x87Register(0xd8, 0xc1 | op << 3, 0);
    if (op != 2 && op != 3) { x87Register(0xdc, 0xc1 | op << 3, 0); x87Register(0xde, 0xc1 | op << 3, 0); }
  }
  static const u8 memory[][3] = { { 0xd9, 0, F32 }, { 0xdd, 0, F64 }, { 0xdb, 5, F80 }, { 0xdf, 0, INTS }, { 0xdb, 0, INTS }, { 0xdf, 5, INTS }, { 0xdf, 4, BCD }, { 0xd9, 2, 0 }, { 0xd9, 3, 0 }, { 0xdd, 2, 0 }, { 0xdd, 3, 0 }, { 0xdb, 7, 0 }, { 0xdf, 2, 0 }, { 0xdf, 3, 0 }, { 0xdb, 2, 0 }, { 0xdb, 3, 0 }, { 0xdf, 7, 0 }, { 0xdf, 6, 0 }, { 0xdf, 1, 0 }, { 0xdb, 1, 0 }, { 0xdd, 1, 0 }, { 0xd9, 7, 0 }, { 0xdd, 7, 0 } };
  for (u32 i = 0; i < sizeof memory / 3; i++) x87Memory(memory[i][0], memory[i][1], memory[i][2]);
  static const u8 registers[][2] = { { 0xd9, 0xc1 }, { 0xd9, 0xc9 }, { 0xdd, 0xd1 }, { 0xdd, 0xd9 }, { 0xdd, 0xc1 }, { 0xd9, 0xe0 }, { 0xd9, 0xe1 }, { 0xd9, 0xe4 }, { 0xd9, 0xe5 }, { 0xd9, 0xe8 }, { 0xd9, 0xe9 }, { 0xd9, 0xea }, { 0xd9, 0xeb }, { 0xd9, 0xec }, { 0xd9, 0xed }, { 0xd9, 0xee }, { 0xd9, 0xfa }, { 0xd9, 0xfc }, { 0xd9, 0xfd }, { 0xd9, 0xf4 }, { 0xd9, 0xf8 }, { 0xd9, 0xf5 }, { 0xd9, 0xf6 }, { 0xd9, 0xf7 }, { 0xdd, 0xe1 }, { 0xdd, 0xe9 }, { 0xda, 0xe9 }, { 0xde, 0xd9 }, { 0xdb, 0xf1 }, { 0xdf, 0xf1 }, { 0xdb, 0xe9 }, { 0xdf, 0xe9 }, { 0xda, 0xc1 }, { 0xda, 0xc9 }, { 0xda, 0xd1 }, { 0xda, 0xd9 }, { 0xdb, 0xc1 }, { 0xdb, 0xc9 }, { 0xdb, 0xd1 }, { 0xdb, 0xd9 }, { 0xdb, 0xe2 } };
  for (u32 i = 0; i < sizeof registers / 2; i++) x87Register(registers[i][0], registers[i][1], 0);
  static const u8 functions[][2] = { { 0xf1, SMALL }, { 0xf2, SMALL }, { 0xf3, SMALL }, { 0xfb, SMALL }, { 0xfe, SMALL }, { 0xff, SMALL }, { 0xf0, TINY }, { 0xf9, TINY } };
  for (u32 i = 0; i < sizeof functions / 2; i++) x87Register(0xd9, functions[i][0], functions[i][1]);
}
static void vectorAll(void) {
  static const u8 both[] = { 0x60,0x61,0x62,0x63,0x64,0x65,0x66,0x67,0x68,0x69,0x6a,0x6b,0x74,0x75,0x76,0xd1,0xd2,0xd3,0xd4,0xd5,0xd8,0xd9,0xda,0xdb,0xdc,0xdd,0xde,0xdf,0xe0,0xe1,0xe2,0xe3,0xe4,0xe5,0xe8,0xe9,0xea,0xeb,0xec,0xed,0xee,0xef,0xf1,0xf2,0xf3,0xf4,0xf5,0xf6,0xf8,0xf9,0xfa,0xfb,0xfc,0xfd,0xfe,0x6f };
  for (u32 i = 0; i < sizeof both; i++) { vector(0, 0, both[i], INTS, 0); vector(0x66, 0, both[i], INTS, 0); }
  for (int op = 0; op < 0x1f; op++) if (op < 12 || op > 0x1b) { vector(0, 0x38, op, INTS, 0); vector(0x66, 0x38, op, INTS, 0); }
  static const u8 shifts[][2] = { { 0x71, 2 }, { 0x71, 4 }, { 0x71, 6 }, { 0x72, 2 }, { 0x72, 4 }, { 0x72, 6 }, { 0x73, 2 }, { 0x73, 6 }, { 0x73, 3 }, { 0x73, 7 } };
  for (u32 i = 0; i < 10; i++) { if (i < 8) form(0, shifts[i][0], 0xc0 | shifts[i][1] << 3, INTS, 1); form(0x66, shifts[i][0], 0xc0 | shifts[i][1] << 3, INTS, 1); }
  static const int prefixes[] = { 0, 0xf3, 0x66, 0xf2 }; static const u8 arithmetic[] = { 0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f };
  for (int p = 0; p < 4; p++) {
    int kind = p < 2 ? F32 : F64;
    for (u32 i = 0; i < 7; i++) vector(prefixes[p], 0, arithmetic[i], kind, 0);
    vector(prefixes[p], 0, 0xc2, kind, 1); vector(prefixes[p], 0, 0x70, INTS, 1); vector(prefixes[p], 0, 0x10, INTS, 0); vector(prefixes[p], 0, 0x5a, kind, 0);
    if (p == 0 || p == 2) { static const u8 o[] = { 0x14, 0x15, 0x28, 0x2e, 0x2f, 0x54, 0x55, 0x56, 0x57, 0x2a }; for (int i = 0; i < 10; i++) vector(prefixes[p], 0, o[i], o[i] == 0x2a ? INTS : kind, 0); vector(prefixes[p], 0, 0xc6, kind, 1); form(prefixes[p], 0x50, 0xc8, kind, 0); form(prefixes[p], 0xd7, 0xc8, INTS, 0); vector(prefixes[p], 0x3a, 0x0f, INTS, 1); form(prefixes[p], 0xc4, 0xc2, INTS, 1); form(prefixes[p], 0xc5, 0xc8, INTS, 1); form(prefixes[p], 0x6e, 0xc2, INTS, 0); form(prefixes[p], 0x7e, 0xc2, INTS, 0); vector(prefixes[p], 0, 0x2c, kind, 0); vector(prefixes[p], 0, 0x2d, kind, 0); }
    else { form(prefixes[p], 0x2a, 0xc2, INTS, 0); form(prefixes[p], 0x2c, 0xc8, kind, 0); form(prefixes[p], 0x2d, 0xc8, kind, 0); }
    if (p < 3) vector(prefixes[p], 0, 0x5b, p ? F32 : INTS, 0);
    if (p) vector(prefixes[p], 0, 0xe6, p == 1 ? INTS : F64, 0);
    if (p >= 2) { int k = p == 2 ? F64 : F32; vector(prefixes[p], 0, 0x7c, k, 0); vector(prefixes[p], 0, 0x7d, k, 0); vector(prefixes[p], 0, 0xd0, k, 0); }
    if (p != 2) vector(prefixes[p], 0, 0x12, INTS, 0);
    if (p < 2) vector(prefixes[p], 0, 0x16, INTS, 0);
  }
  vector(0xf3, 0, 0x7e, INTS, 0); form(0x66, 0xd6, 0x00, INTS, 0); form(0xf3, 0xd6, 0xc1, INTS, 0); form(0xf2, 0xd6, 0xc1, INTS, 0); form(0, 0xae, 3 << 3, INTS, 0);
}
int main(int argc, char **argv) {
  seed = strtoull(argc > 1 ? argv[1] : "1", 0, 0) * 0x9e3779b97f4a7c15ull + 1; per = argc > 2 ? atoi(argv[2]) : 10;
  struct sigaction sa; memset(&sa, 0, sizeof sa); sa.sa_sigaction = onTrap; sa.sa_flags = SA_SIGINFO; sigaction(SIGFPE, &sa, 0); sigaction(SIGILL, &sa, 0); sigaction(SIGSEGV, &sa, 0);
  code = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  x87All(); vectorAll();
  return 0;
}
