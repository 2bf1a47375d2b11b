# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What Sensirion's humidity sensors have in common: two 16-bit words, each with a checksum behind it.

Source: Sensirion SHT4x data sheet 6.5, 4.4, and SHT3x-DIS data sheet 7, 4.12 (the same checksum).
"""

from micropython import const

EIO = const(5)  # a checksum is wrong


def crc8(data, start, end):
    """CRC-8 of data[start:end]: polynomial 0x31, first value 0xFF. 0xBEEF gives 0x92."""
    crc = 0xFF
    for index in range(start, end):
        crc ^= data[index]
        for _ in range(8):
            crc = ((crc << 1) ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def two_words(answer):
    """Six bytes, most significant first, into (temperature's word, humidity's word).

    Raises:
        OSError: a checksum is wrong (EIO).
    """
    if crc8(answer, 0, 2) != answer[2] or crc8(answer, 3, 5) != answer[5]:
        raise OSError(EIO)
    return answer[0] << 8 | answer[1], answer[3] << 8 | answer[4]


def temperature_cdeg(word):
    """-45 + 175 S / 65535 in hundredths of a degree Celsius, rounded half up. The same for SHT3x and SHT4x."""
    return -4500 + (17500 * word * 2 + 65535) // 131070
