/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file x86_exceptions.h
 * @brief Vectors of exceptions: X86_EXCEPTION_PF, …
 */
#ifndef X86_EXCEPTIONS_H
#define X86_EXCEPTIONS_H

/** Vectors 0 to 31. */
enum x86_exception {
#define X86_EXCEPTION(vector, ident, mnemonic, name, error_code) X86_EXCEPTION_##ident = (vector),
#include "x86_exceptions.def"
#undef X86_EXCEPTION
	X86_EXCEPTION_VECTORS = 32,
};

#endif
