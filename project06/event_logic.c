// SPDX-License-Identifier: GPL-2.0
/*
 * Several events can wait for a vCPU, and an entry delivers one.
 */
#include "event_logic.h"
#include "vtx_todo.h"
#include "x86_exceptions.h"

/* What of an event's vector is its priority class: SDM vol. 3, "Interrupt, Task, and Processor
 * Priority". */
#define PRIORITY_CLASS_HIGH 7
#define PRIORITY_CLASS_LOW 4

/* ---- exceptions ------------------------------------------------------------------------------ */

enum exception_kind { NO_EXCEPTION, WITHOUT_ERROR_CODE, WITH_ERROR_CODE };

/* Vectors that are missing are reserved. */
static const u8 exceptions[X86_EXCEPTION_VECTORS] = {
#define X86_EXCEPTION(vector, ident, mnemonic, name, error_code) \
	[vector] = (error_code) ? WITH_ERROR_CODE : WITHOUT_ERROR_CODE,
#include "x86_exceptions.def"
#undef X86_EXCEPTION
};

bool event_is_exception(u8 vector)
{
	return vector < X86_EXCEPTION_VECTORS && exceptions[vector] != NO_EXCEPTION &&
	       vector != X86_EXCEPTION_NMI;
}

bool event_has_error_code(u8 vector)
{
	return vector < X86_EXCEPTION_VECTORS && exceptions[vector] == WITH_ERROR_CODE;
}

/* ---- what waits ------------------------------------------------------------------------------ */

void event_interrupt(struct event_queue *queue, u8 vector)
{
	queue->interrupts[vector / 64] |= BIT_ULL(vector % 64);
}

void event_nmi(struct event_queue *queue)
{
	if (queue->nmis < EVENT_MAX_NMIS)
		queue->nmis++;
}

void event_acknowledge(struct event_queue *queue, int vector)
{
	queue->asked = false;
	if (vector < 0) {
		queue->line = false;
		return;
	}
	queue->acknowledged = (struct vtx_injection){
		.type = VTX_INJECT_INTERRUPT,
		.vector = vector,
	};
}

/* The highest vector that waits, or -1. */
static int highest_interrupt(const struct event_queue *queue)
{
	int word = EVENT_INTERRUPT_WORDS;

	while (word--) {
		if (queue->interrupts[word])
			return word * 64 + 63 - __builtin_clzll(queue->interrupts[word]);
	}
	return -1;
}

bool event_any(const struct event_queue *queue)
{
	return queue->again.type || queue->exception.type || queue->acknowledged.type ||
	       queue->line || queue->nmis || queue->halted || queue->shutdown ||
	       highest_interrupt(queue) >= 0;
}

/*
 * EXERCISE 6.5 (20 points): Which event goes first?
 * Do:   event_plan(): what the next entry does. In this order: shutdown; the event whose delivery
 *       was cut short; an exception; an NMI; an interrupt of the INTR line whose vector is known;
 *       the INTR line, whose vector user space has to be asked for; the highest of the other
 *       interrupts, if its class is above CR8's. What cannot be delivered now is passed over. A
 *       guest in HLT for which nothing is left waits. Ask for a window if an NMI or an interrupt
 *       waits that neither this entry delivers nor CR8 holds back; while an STI holds an NMI back,
 *       that is the interrupt window. event_raise(): the exception waits in queue->exception, with
 *       what was being delivered taken into account: two faults make a #DF, and one in the delivery
 *       of a #DF is the shutdown; an interrupt or an NMI waits in its place again; of anything else
 *       that was being delivered nothing is left.
 * Read: Intel SDM vol. 3, "Priority Among Concurrent Events", "Masking Exceptions and Interrupts
 *       When Switching Stacks", table "Conditions for Generating a Double Fault", and
 *       "Interrupt-Window Exiting and Virtual-Interrupt Delivery"; project06/README.md, "Events"
 * Hint: highest_interrupt(). MOV SS holds back all but exceptions, STI interrupts and, here, NMIs.
 *       Write one function for each kind that says whether it can be delivered now.
 */
#ifndef TODO_6_5
static bool nmi_fits(const struct vtx_event_state *state)
{
	return !state->nmi_blocked && !state->mov_ss && !state->sti;
}

static bool interrupt_fits(const struct vtx_event_state *state)
{
	return state->interrupt_flag && !state->mov_ss && !state->sti;
}

static bool above_priority(int vector, const struct vtx_event_state *state)
{
	return vector >= 0 && VTX_FIELD((u64)vector, PRIORITY_CLASS_HIGH, PRIORITY_CLASS_LOW) >
				      state->task_priority;
}

static void inject(struct event_plan *plan, const struct vtx_injection *what)
{
	plan->step = EVENT_STEP_INJECT;
	plan->what = *what;
}

/* An interrupt, which can be delivered now. */
static void choose_interrupt(const struct event_queue *queue, const struct vtx_event_state *state,
			     struct event_plan *plan)
{
	struct vtx_injection what = { .type = VTX_INJECT_INTERRUPT };
	int vector = highest_interrupt(queue);

	if (queue->acknowledged.type) {
		inject(plan, &queue->acknowledged);
	} else if (queue->line) {
		plan->step = EVENT_STEP_ASK;
	} else if (above_priority(vector, state)) {
		what.vector = vector;
		inject(plan, &what);
	}
}

static void choose(const struct event_queue *queue, const struct vtx_event_state *state,
		   struct event_plan *plan)
{
	static const struct vtx_injection nmi = {
		.type = VTX_INJECT_NMI,
		.vector = X86_EXCEPTION_NMI,
	};

	if (queue->shutdown)
		plan->step = EVENT_STEP_SHUTDOWN;
	else if (queue->again.type)
		inject(plan, &queue->again);
	else if (queue->exception.type)
		inject(plan, &queue->exception);
	else if (queue->nmis && nmi_fits(state))
		inject(plan, &nmi);
	else if (interrupt_fits(state))
		choose_interrupt(queue, state, plan);
	if (plan->step == EVENT_STEP_ENTER && queue->halted)
		plan->step = EVENT_STEP_WAIT;
}

/* What a window could let in after this entry. */
static void choose_windows(const struct event_queue *left, const struct vtx_event_state *state,
			   struct event_plan *plan)
{
	plan->nmi_window = left->nmis && !state->sti;
	plan->interrupt_window = (left->nmis && state->sti) || left->acknowledged.type ||
				 left->line || above_priority(highest_interrupt(left), state);
}

int event_plan(const struct event_queue *queue, const struct vtx_event_state *state,
	       struct event_plan *plan)
{
	struct event_queue left = *queue;

	*plan = (struct event_plan){ .step = EVENT_STEP_ENTER };
	choose(queue, state, plan);
	event_taken(&left, plan);
	if (plan->step == EVENT_STEP_ENTER || plan->step == EVENT_STEP_INJECT)
		choose_windows(&left, state, plan);
	return 0;
}

/* SDM vol. 3, table "Interrupt and Exception Classes". */
enum fault_class { FAULT_BENIGN, FAULT_CONTRIBUTORY, FAULT_PAGE, FAULT_DOUBLE };

static enum fault_class class_of(const struct vtx_injection *event)
{
	if (event->type != VTX_INJECT_EXCEPTION)
		return FAULT_BENIGN;
	switch (event->vector) {
	case X86_EXCEPTION_DE:
	case X86_EXCEPTION_TS:
	case X86_EXCEPTION_NP:
	case X86_EXCEPTION_SS:
	case X86_EXCEPTION_GP:
	case X86_EXCEPTION_CP:
		return FAULT_CONTRIBUTORY;
	case X86_EXCEPTION_PF:
	case X86_EXCEPTION_VE:
		return FAULT_PAGE;
	case X86_EXCEPTION_DF:
		return FAULT_DOUBLE;
	default:
		return FAULT_BENIGN;
	}
}

/* The second while the first was being delivered. */
static bool makes_double_fault(enum fault_class first, enum fault_class second)
{
	if (first == FAULT_CONTRIBUTORY)
		return second == FAULT_CONTRIBUTORY;
	return first == FAULT_PAGE && second != FAULT_BENIGN;
}

/* The interrupt or NMI whose delivery comes to nothing is delivered later, from the beginning. */
static void put_back(struct event_queue *queue)
{
	if (queue->again.type == VTX_INJECT_NMI)
		event_nmi(queue);
	else if (queue->again.type == VTX_INJECT_INTERRUPT)
		event_interrupt(queue, queue->again.vector);
	queue->again = (struct vtx_injection){ .type = VTX_INJECT_NOTHING };
}

int event_raise(struct event_queue *queue, const struct vtx_injection *exception)
{
	static const struct vtx_injection double_fault = {
		.type = VTX_INJECT_EXCEPTION,
		.vector = X86_EXCEPTION_DF,
		.has_error_code = true,
	};
	enum fault_class first = class_of(&queue->again);
	enum fault_class second = class_of(exception);

	if (queue->exception.type)
		return -EBUSY;
	put_back(queue);
	if (first == FAULT_DOUBLE && second != FAULT_BENIGN)
		queue->shutdown = true;
	else if (makes_double_fault(first, second))
		queue->exception = double_fault;
	else
		queue->exception = *exception;
	return 0;
}
#else
int event_plan(const struct event_queue *queue, const struct vtx_event_state *state,
	       struct event_plan *plan)
{
	*plan = (struct event_plan){ .step = EVENT_STEP_ENTER };
	return VTX_TODO("6.5", "no event that waits reaches a guest");
}

int event_raise(struct event_queue *queue, const struct vtx_injection *exception)
{
	return VTX_TODO("6.5", "no exception of the driver's reaches a guest");
}
#endif

void event_reconsider(struct event_queue *queue, const struct vtx_event_state *state)
{
	if (queue->again.type != VTX_INJECT_INTERRUPT || state->interrupt_flag)
		return;
	event_interrupt(queue, queue->again.vector);
	queue->again = (struct vtx_injection){ .type = VTX_INJECT_NOTHING };
}

/* ---- what waits no more ---------------------------------------------------------------------- */

static void take(struct vtx_injection *event)
{
	*event = (struct vtx_injection){ .type = VTX_INJECT_NOTHING };
}

void event_taken(struct event_queue *queue, const struct event_plan *plan)
{
	if (plan->step == EVENT_STEP_ASK)
		queue->asked = true;
	if (plan->step != EVENT_STEP_INJECT)
		return;
	queue->halted = false;
	if (queue->again.type)
		take(&queue->again);
	else if (queue->exception.type)
		take(&queue->exception);
	else if (plan->what.type == VTX_INJECT_NMI)
		queue->nmis--;
	else if (queue->acknowledged.type)
		take(&queue->acknowledged);
	else
		queue->interrupts[plan->what.vector / 64] &= ~BIT_ULL(plan->what.vector % 64);
}
