// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight limbs of a sum stay in registers while eight rows of products are added
 * to them. The least one is complete behind each row: it is stored, and its
 * register takes what is carried out at the other end.
 */
#include "tls_rsa_adx.h"

/* low += the product with one limb, whose upper half is added to high. */
#define PRODUCT(at, low, high)				\
	"mulx " #at "(%%rsi), %%rax, %%rbx\n\t"		\
	"adcx %%rax, %%" #low "\n\t"			\
	"adox %%rbx, %%" #high "\n\t"

/* The products of the factor in rdx with eight limbs; r0 is put down at `at`. */
#define ROW(at, store, r0, r1, r2, r3, r4, r5, r6, r7)	\
	"xorl %%eax, %%eax\n\t"				\
	PRODUCT(0, r0, r1)				\
	store(at, r0)					\
	PRODUCT(8, r1, r2)				\
	PRODUCT(16, r2, r3)				\
	PRODUCT(24, r3, r4)				\
	PRODUCT(32, r4, r5)				\
	PRODUCT(40, r5, r6)				\
	PRODUCT(48, r6, r7)				\
	"mulx 56(%%rsi), %%rax, %%" #r0 "\n\t"		\
	"adcx %%rax, %%" #r7 "\n\t"			\
	"movl $0, %%eax\n\t"				\
	"adcx %%rax, %%" #r0 "\n\t"			\
	"adox %%rax, %%" #r0 "\n\t"

#define STORE_NOT(at, r0)

/* With a limb of the other operand. */
#define ROW_OF(at, r0, ...)				\
	"movq " #at "(%%rcx), %%rdx\n\t"		\
	ROW(at, STORE, r0, __VA_ARGS__)

/* With as many times the modulus as make the least limb 0; in its place that number is kept. */
#define ROW_REDUCING(at, r0, ...)			\
	"movq %[inverse], %%rdx\n\t"			\
	"imulq %%" #r0 ", %%rdx\n\t"			\
	"movq %%rdx, " #at "(%%rdi)\n\t"		\
	ROW(at, STORE_NOT, r0, __VA_ARGS__)

#define ROWS(row)					\
	row(0, r8, r9, r10, r11, r12, r13, r14, r15)	\
	row(8, r9, r10, r11, r12, r13, r14, r15, r8)	\
	row(16, r10, r11, r12, r13, r14, r15, r8, r9)	\
	row(24, r11, r12, r13, r14, r15, r8, r9, r10)	\
	row(32, r12, r13, r14, r15, r8, r9, r10, r11)	\
	row(40, r13, r14, r15, r8, r9, r10, r11, r12)	\
	row(48, r14, r15, r8, r9, r10, r11, r12, r13)	\
	row(56, r15, r8, r9, r10, r11, r12, r13, r14)

#define EIGHT(each)					\
	each(0, r8)					\
	each(8, r9)					\
	each(16, r10)					\
	each(24, r11)					\
	each(32, r12)					\
	each(40, r13)					\
	each(48, r14)					\
	each(56, r15)

#define LOAD(at, r0) "movq " #at "(%%rdi), %%" #r0 "\n\t"
#define STORE(at, r0) "movq %%" #r0 ", " #at "(%%rdi)\n\t"
#define ADD(at, r0) "adcq " #at "(%%rdi), %%" #r0 "\n\t"
#define ADD_CARRY(at, r0) "adcq $0, " #at "(%%rdi)\n\t"

/* On to the next eight limbs, which are added; what is carried is kept, as 0 or -1. */
#define NEXT						\
	"addq $64, %%rdi\n\t"				\
	"addq $64, %%rsi\n\t"				\
	"movq %[carry], %%rax\n\t"			\
	"addq %%rax, %%rax\n\t"				\
	EIGHT(ADD)					\
	"sbbq %%rax, %%rax\n\t"				\
	"movq %%rax, %[carry]\n\t"

#define CLOBBERED					\
	"rax", "rbx", "rdx", "r8", "r9", "r10", "r11",	\
	"r12", "r13", "r14", "r15", "cc", "memory"

/*
 * t += b * eight limbs of a, where t has eight limbs more than b: the carry. `carry` comes in
 * behind the first eight limbs of t.
 */
static u64 add_rows(u64 *t, const u64 *a, const u64 *b, u32 limbs, u64 carry)
{
	const u64 *end = b + limbs;
	u64 minus = -carry;

	__asm__ __volatile__(EIGHT(LOAD)
			     "1:\n\t"
			     ROWS(ROW_OF)
			     NEXT
			     "cmpq %[end], %%rsi\n\t"
			     "jne 1b\n\t"
			     EIGHT(STORE)
			     : "+D" (t), "+S" (b), [carry] "+m" (minus)
			     : "c" (a), [end] "m" (end)
			     : CLOBBERED);
	return -minus;
}

/* t += the modulus, so often that eight limbs would become 0: in their place is how often. */
static u64 reduce_rows(u64 *t, const struct rsa_modulus *modulus)
{
	const u64 *value = modulus->value;
	/* On the stack: no register is left to point elsewhere. */
	u64 inverse = modulus->inverse;
	u64 *at = t;
	u64 minus = 0;

	__asm__ __volatile__(EIGHT(LOAD)
			     ROWS(ROW_REDUCING)
			     NEXT
			     EIGHT(STORE)
			     : "+D" (at), "+S" (value), [carry] "+m" (minus)
			     : [inverse] "m" (inverse)
			     : CLOBBERED);
	return add_rows(at, t, value, modulus->limbs - RSA_BLOCK, -minus);
}

/* t += carry, eight limbs: what is carried out of them. */
static u64 add_carry(u64 *t, u64 carry)
{
	u64 minus = -carry;

	__asm__ __volatile__("addq %[minus], %[minus]\n\t"
			     EIGHT(ADD_CARRY)
			     "sbbq %[minus], %[minus]\n\t"
			     : [minus] "+r" (minus)
			     : "D" (t)
			     : "cc", "memory");
	return -minus;
}

void rsa_adx_product(u64 *product, const u64 *a, const u64 *b, u32 limbs)
{
	memset(product, 0, 2 * limbs * sizeof(*product));
	for (u32 i = 0; i < limbs; i += RSA_BLOCK)
		add_rows(product + i, a + i, b, limbs, 0);
}

u64 rsa_adx_reduce(u64 *product, const struct rsa_modulus *modulus)
{
	u64 high = 0;

	for (u32 i = 0; i < modulus->limbs; i += RSA_BLOCK) {
		u64 carry = reduce_rows(product + i, modulus);

		/* At most one of both is 1. */
		high = carry | add_carry(product + i + modulus->limbs, high);
	}
	return high;
}

#define TAKE(at, r0)					\
	"movq " #at "(%%rcx), %%" #r0 "\n\t"		\
	"andq %%rdx, %%" #r0 "\n\t"

#define LESS(at, r0)					\
	"movq " #at "(%%rsi), %%rbx\n\t"		\
	"sbbq %%" #r0 ", %%rbx\n\t"			\
	"movq %%rbx, " #at "(%%rdi)\n\t"

void rsa_adx_subtract(u64 *r, const u64 *a, const struct rsa_modulus *modulus, u64 mask)
{
	const u64 *value = modulus->value;
	const u64 *end = value + modulus->limbs;

	__asm__ __volatile__("xorl %%eax, %%eax\n"
			     "1:\n\t"
			     EIGHT(TAKE)
			     "addq %%rax, %%rax\n\t"
			     EIGHT(LESS)
			     "sbbq %%rax, %%rax\n\t"
			     "addq $64, %%rcx\n\t"
			     "addq $64, %%rsi\n\t"
			     "addq $64, %%rdi\n\t"
			     "cmpq %[end], %%rcx\n\t"
			     "jne 1b\n\t"
			     : "+D" (r), "+S" (a), "+c" (value)
			     : "d" (mask), [end] "m" (end)
			     : "rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			       "cc", "memory");
}

#define FIRST(at, low, high)				\
	"mulx " #at "(%%rsi), %%" #low ", %%" #high "\n\t"

#define SECOND(at, low, high)				\
	"mulx " #at "(%%rsi), %%rax, %%" #high "\n\t"	\
	"adcx %%rax, %%" #low "\n\t"

/* The end of a row: nothing has been at its highest place. */
#define LAST(at, low, high)				\
	"mulx " #at "(%%rsi), %%rax, %%" #high "\n\t"	\
	"adcx %%rax, %%" #low "\n\t"			\
	"movl $0, %%eax\n\t"				\
	"adcx %%rax, %%" #high "\n\t"			\
	"adox %%rax, %%" #high "\n\t"

#define FACTOR(at)					\
	"movq " #at "(%%rsi), %%rdx\n\t"		\
	"xorl %%eax, %%eax\n\t"

/* t = the products of two different limbs of eight. */
static void triangle(u64 *t, const u64 *a)
{
	__asm__ __volatile__(FACTOR(0)
			     FIRST(8, r8, r9)
			     SECOND(16, r9, r10)
			     SECOND(24, r10, r11)
			     SECOND(32, r11, r12)
			     SECOND(40, r12, r13)
			     SECOND(48, r13, r14)
			     LAST(56, r14, r15)
			     "movq %%rax, 0(%%rdi)\n\t"
			     STORE(8, r8)
			     STORE(16, r9)
			     FACTOR(8)
			     PRODUCT(16, r10, r11)
			     PRODUCT(24, r11, r12)
			     PRODUCT(32, r12, r13)
			     PRODUCT(40, r13, r14)
			     PRODUCT(48, r14, r15)
			     LAST(56, r15, r8)
			     STORE(24, r10)
			     STORE(32, r11)
			     FACTOR(16)
			     PRODUCT(24, r12, r13)
			     PRODUCT(32, r13, r14)
			     PRODUCT(40, r14, r15)
			     PRODUCT(48, r15, r8)
			     LAST(56, r8, r9)
			     STORE(40, r12)
			     STORE(48, r13)
			     FACTOR(24)
			     PRODUCT(32, r14, r15)
			     PRODUCT(40, r15, r8)
			     PRODUCT(48, r8, r9)
			     LAST(56, r9, r10)
			     STORE(56, r14)
			     STORE(64, r15)
			     FACTOR(32)
			     PRODUCT(40, r8, r9)
			     PRODUCT(48, r9, r10)
			     LAST(56, r10, r11)
			     STORE(72, r8)
			     STORE(80, r9)
			     FACTOR(40)
			     PRODUCT(48, r10, r11)
			     LAST(56, r11, r12)
			     STORE(88, r10)
			     STORE(96, r11)
			     FACTOR(48)
			     LAST(56, r12, r13)
			     STORE(104, r12)
			     STORE(112, r13)
			     "movq %%rax, 120(%%rdi)\n\t"
			     :
			     : "D" (t), "S" (a)
			     : CLOBBERED);
}

/* Doubles two limbs in the chain of CF, and adds the square of one in that of OF. */
#define DOUBLE(at, to)					\
	"movq " #at "(%%rsi), %%rdx\n\t"		\
	"mulx %%rdx, %%rax, %%rbx\n\t"			\
	"movq " #to "(%%rdi), %%r8\n\t"			\
	"movq 8+" #to "(%%rdi), %%r9\n\t"		\
	"adcx %%r8, %%r8\n\t"				\
	"adox %%rax, %%r8\n\t"				\
	"adcx %%r9, %%r9\n\t"				\
	"adox %%rbx, %%r9\n\t"				\
	"movq %%r8, " #to "(%%rdi)\n\t"			\
	"movq %%r9, 8+" #to "(%%rdi)\n\t"

/* t = 2 t + the squares of a's limbs. */
static void add_squares(u64 *t, const u64 *a, u64 blocks)
{
	__asm__ __volatile__("xorl %%eax, %%eax\n"
			     "1:\n\t"
			     DOUBLE(0, 0)
			     DOUBLE(8, 16)
			     DOUBLE(16, 32)
			     DOUBLE(24, 48)
			     DOUBLE(32, 64)
			     DOUBLE(40, 80)
			     DOUBLE(48, 96)
			     DOUBLE(56, 112)
			     /* None of these touches a flag. */
			     "leaq 64(%%rsi), %%rsi\n\t"
			     "leaq 128(%%rdi), %%rdi\n\t"
			     "leaq -1(%%rcx), %%rcx\n\t"
			     "jrcxz 2f\n\t"
			     "jmp 1b\n"
			     "2:\n\t"
			     : "+D" (t), "+S" (a), "+c" (blocks)
			     :
			     : "rax", "rbx", "rdx", "r8", "r9", "cc", "memory");
}

void rsa_adx_square(u64 *product, const u64 *a, u32 limbs)
{
	for (u32 i = 0; i < limbs; i += RSA_BLOCK)
		triangle(product + 2 * i, a + i);
	for (u32 i = 0; i + RSA_BLOCK < limbs; i += RSA_BLOCK) {
		u32 left = limbs - i - RSA_BLOCK;
		u64 carry = add_rows(product + 2 * i + RSA_BLOCK, a + i, a + i + RSA_BLOCK, left,
				     0);

		for (u32 j = limbs + i + RSA_BLOCK; j < 2 * limbs; j += RSA_BLOCK)
			carry = add_carry(product + j, carry);
	}
	add_squares(product, a, limbs / RSA_BLOCK);
}

#define CHOOSE(at, r0) "cmoveq " #at "(%%rsi), %%" #r0 "\n\t"

/* A move on a condition reads its memory whether or not the condition holds. */
void rsa_adx_select(u64 *r, const u64 *numbers, u64 which, u32 limbs)
{
	for (u32 i = 0; i < limbs; i += RSA_BLOCK) {
		const u64 *at = numbers + i;

		__asm__ __volatile__("xorl %%eax, %%eax\n"
				     "1:\n\t"
				     "cmpq %[which], %%rax\n\t"
				     EIGHT(CHOOSE)
				     "addq %[stride], %%rsi\n\t"
				     "addq $1, %%rax\n\t"
				     "cmpq %[powers], %%rax\n\t"
				     "jne 1b\n\t"
				     EIGHT(STORE)
				     : "+S" (at)
				     : "D" (r + i), [which] "r" (which),
				       [stride] "r" (8UL * limbs), [powers] "i" (RSA_POWERS)
				     : "rax", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
				       "cc", "memory");
	}
}
