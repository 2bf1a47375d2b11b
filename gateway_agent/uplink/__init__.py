# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Stage 5: batches leave for the city, receipts come back and make room."""
