# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Physics for the simulated boards, with the ground truth to compare against."""
