/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file event_logic.h
 * @brief What waits to be delivered to a vCPU, and which of it goes first. Pure C.
 */
#ifndef EVENT_LOGIC_H
#define EVENT_LOGIC_H

#include "vtx_types.h"

/** What can be delivered through the guest's IDT. */
enum vtx_injection_type {
	VTX_INJECT_NOTHING = 0,
	VTX_INJECT_INTERRUPT, /**< an external interrupt */
	VTX_INJECT_NMI,
	VTX_INJECT_EXCEPTION, /**< by the processor; INT3 and INTO are below */
	VTX_INJECT_SOFT_INTERRUPT, /**< INT n */
	VTX_INJECT_SOFT_EXCEPTION, /**< INT3, INTO */
	VTX_INJECT_INT1, /**< INT1 */
};

/** One event. */
struct vtx_injection {
	u8 type; /**< enum vtx_injection_type */
	u8 vector; /**< in the IDT */
	u8 length; /**< bytes of the instruction that has caused a software one */
	bool has_error_code; /**< protected mode pushes error_code */
	bool has_address; /**< CR2 becomes address */
	u32 error_code; /**< bits 15:0 */
	u64 address; /**< of a #PF, where it did not get through to the guest by itself */
};

/** Most NMIs that wait: one that is masked by another is kept, and that one waits, too. */
#define EVENT_MAX_NMIS 2
#define EVENT_INTERRUPT_WORDS 4

/** Everything that waits. All zeros: nothing. */
struct event_queue {
	u64 interrupts[EVENT_INTERRUPT_WORDS]; /**< bit vector % 64 of word vector / 64 */
	struct vtx_injection again; /**< its delivery was cut short by an exit */
	struct vtx_injection exception; /**< instead of the instruction at RIP */
	struct vtx_injection acknowledged; /**< the interrupt of the INTR line */
	bool line; /**< INTR */
	bool asked; /**< user space has been asked for the vector of the INTR line */
	u8 nmis; /**< up to EVENT_MAX_NMIS */
	bool halted; /**< the guest waits in HLT */
	bool shutdown; /**< a third fault while a #DF was to be delivered */
};

/** What decides whether something can be delivered now. */
struct vtx_event_state {
	bool interrupt_flag; /**< RFLAGS.IF */
	bool sti; /**< behind an STI that has set it: one instruction without interrupts */
	bool mov_ss; /**< behind MOV SS, POP SS: one instruction without any event */
	bool nmi_blocked; /**< no IRET has followed the last NMI yet */
	u8 task_priority; /**< CR8 */
};

/** What to do before the next entry. */
enum event_step {
	EVENT_STEP_ENTER = 0, /**< nothing: the guest runs on */
	EVENT_STEP_INJECT, /**< deliver plan.what */
	EVENT_STEP_ASK, /**< ask user space which vector the INTR line stands for */
	EVENT_STEP_WAIT, /**< the guest is in HLT, and nothing ends that */
	EVENT_STEP_SHUTDOWN, /**< triple fault */
};

/** Answer of event_plan(). */
struct event_plan {
	enum event_step step; /**< what to do */
	struct vtx_injection what; /**< of EVENT_STEP_INJECT */
	bool interrupt_window; /**< exit as soon as an interrupt can be delivered */
	bool nmi_window; /**< exit as soon as an NMI can be delivered */
};

/**
 * Which event goes first (exercise 6.5)? Changes nothing: see event_taken().
 *
 * @return 0 and *plan; -ENOSYS while the exercise is not done
 */
int event_plan(const struct event_queue *queue, const struct vtx_event_state *state,
	       struct event_plan *plan);

/**
 * User space may have cleared IF since the delivery of an interrupt was cut short, and then no
 * entry can deliver it: it waits as any other.
 */
void event_reconsider(struct event_queue *queue, const struct vtx_event_state *state);

/** The step of @p plan is done: what was injected or asked for waits no more. */
void event_taken(struct event_queue *queue, const struct event_plan *plan);

/**
 * Add an exception that the guest is to see instead of its next instruction, or while an event was
 * being delivered (exercise 6.5): then the two may make a double fault, or end in shutdown.
 *
 * @return 0; -EBUSY: one waits already; -ENOSYS while the exercise is not done
 */
int event_raise(struct event_queue *queue, const struct vtx_injection *exception);

/** An external interrupt; the same vector twice is one. */
void event_interrupt(struct event_queue *queue, u8 vector);

/** An NMI; a third one that waits is lost. */
void event_nmi(struct event_queue *queue);

/** User space says which vector the INTR line stands for: -1 none, the line falls. */
void event_acknowledge(struct event_queue *queue, int vector);

/** Does anything wait, or has to be looked at before the next entry? */
bool event_any(const struct event_queue *queue);

/** Does the exception with this vector push an error code, in protected mode? */
bool event_has_error_code(u8 vector);

/** Is this the vector of an exception, and not of the NMI? */
bool event_is_exception(u8 vector);

#endif
