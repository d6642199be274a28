# SPDX-License-Identifier: GPL-2.0
"""The lab machine: an emulated PC with VMX or SVM that the course's stages are tried in."""
