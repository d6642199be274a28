// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of VMRUN: the event that it injects.
 */
#include "svm_check_rules.h"
#include "x86_exceptions.h"

#define LAST_EXCEPTION 31

/*
 * Vectors below 32 that no exception has. AMD APM vol. 2, "Vectors": 9, 15, 20, 22 to 27 and 31 are
 * reserved.
 */
#define RESERVED_VECTORS 0x8fd08200U

static bool injecting(struct svm_look *look)
{
	return svm_look_first(look) & SVM_EVENT_VALID;
}

static unsigned int event_type(struct svm_look *look)
{
	return SVM_GET(svm_look_first(look), EVENT_TYPE);
}

static unsigned int event_vector(struct svm_look *look)
{
	return SVM_GET(svm_look_first(look), EVENT_VECTOR);
}

static bool type_exists(struct svm_look *look)
{
	if (!injecting(look))
		return true;
	switch (event_type(look)) {
	case SVM_EVENT_TYPE_INTR:
	case SVM_EVENT_TYPE_NMI:
	case SVM_EVENT_TYPE_EXCEPTION:
	case SVM_EVENT_TYPE_SOFTWARE:
		return true;
	default:
		return svm_look_fine(look, false);
	}
}

static bool is_exception(struct svm_look *look)
{
	return injecting(look) && event_type(look) == SVM_EVENT_TYPE_EXCEPTION;
}

static bool vector_is_no_exceptions(struct svm_look *look)
{
	unsigned int vector = event_vector(look);

	return !is_exception(look) ||
	       svm_look_fine(look, vector <= LAST_EXCEPTION && vector != X86_EXCEPTION_NMI);
}

static bool vector_is_not_reserved(struct svm_look *look)
{
	unsigned int vector = event_vector(look);

	return !is_exception(look) || vector > LAST_EXCEPTION ||
	       svm_look_fine(look, !(RESERVED_VECTORS & BIT(vector)));
}

static bool is_64_bit(struct svm_look *look)
{
	return svm_look_long_mode(look) && SVM_LOOK(look, CS_attributes) & SVM_SEGMENT_L;
}

/* #BR is the manual's one example. INTO is as little an instruction of 64-bit mode as BOUND. */
static bool mode_has_exception(struct svm_look *look)
{
	if (!is_exception(look))
		return true;
	switch (event_vector(look)) {
	case X86_EXCEPTION_BR:
		return svm_look_fine(look, !is_64_bit(look));
	case X86_EXCEPTION_OF:
		return !is_64_bit(look) || svm_look_unknown(look, VMCB_NR_EVENTINJ);
	case X86_EXCEPTION_TS:
	case X86_EXCEPTION_NP:
	case X86_EXCEPTION_AC:
		return SVM_LOOK(look, CR0) & CR0_PE || svm_look_unknown(look, VMCB_NR_EVENTINJ);
	case X86_EXCEPTION_PF:
		return SVM_LOOK(look, CR0) & CR0_PG || svm_look_unknown(look, VMCB_NR_EVENTINJ);
	default:
		return true;
	}
}

#define EVENT(name, what, predicate, ...)                                                     \
	{                                                                                     \
		.id = "event." name, .kind = SVM_RULE_EVENT, .section = "Event Injection",    \
		.text = what, .holds = predicate, SVM_FIELDS(VMCB_NR_EVENTINJ, ##__VA_ARGS__) \
	}

const struct svm_rule svm_rules_event[] = {
	EVENT("type", "an event's type (bits 10:8) must be 0, 2, 3 or 4", type_exists),
	EVENT("vector", "an exception's vector must not be above 31, and not 2, the NMI's",
	      vector_is_no_exceptions),
	EVENT("reserved-vector",
	      "an exception's vector must not be one that no exception has: 9, 15, 20, 22 to 27, "
	      "31",
	      vector_is_not_reserved),
	EVENT("mode",
	      "an exception must be possible in the guest's mode; in 64-bit mode #BR is not",
	      mode_has_exception, VMCB_NR_CR0, VMCB_NR_EFER, VMCB_NR_CS_attributes),
	{ 0 }
};
