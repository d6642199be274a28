# SPDX-License-Identifier: GPL-2.0
"""The 16550 of vtxctl run, register by register, against National's data sheet; on the host."""
import pytest

from unit import devices

N = devices.constants()
DATA, IER, IIR, FCR, LCR, MCR, LSR, MSR, SCRATCH = 0, 1, 2, 2, 3, 4, 5, 6, 7
OUT2 = 0x08
IDLE_LSR = 0x60


@pytest.fixture(name="uart")
def fixture_uart(tmp_path_factory):
    """After master reset."""
    library = devices.library(tmp_path_factory)
    library.dev_uart_reset()
    while library.dev_uart_sent() >= 0:
        pass
    return library


def sent(uart):
    """All characters that went out."""
    out = []
    while (byte := uart.dev_uart_sent()) >= 0:
        out.append(byte)
    return bytes(out)


def receive(uart, text):
    """Characters come in."""
    for byte in text:
        uart.dev_uart_receive(byte)


def test_reset(uart):
    """Table "Reset Configuration"."""
    values = [uart.dev_uart_read(offset) for offset in (IER, IIR, LCR, MCR, LSR)]
    assert values == [0, 0x01, 0, 0, IDLE_LSR]
    assert uart.dev_uart_read(MSR) & 0x0f == 0
    assert not uart.dev_uart_interrupt()


@pytest.mark.parametrize("offset, mask", [(IER, 0x0f), (LCR, 0xff), (MCR, 0x1f), (SCRATCH, 0xff)])
def test_kept_bits(uart, offset, mask):
    """Which bits a register keeps."""
    for value in (0xff, 0x55, 0xaa, 0):
        uart.dev_uart_write(LCR, 0)
        uart.dev_uart_write(offset, value)
        assert uart.dev_uart_read(offset) == value & mask


def test_divisor(uart):
    """With DLAB the first two registers are the divisor's, and nothing is sent."""
    uart.dev_uart_write(LCR, 0x83)
    uart.dev_uart_write(0, 0x0c)
    uart.dev_uart_write(1, 0x01)
    assert [uart.dev_uart_read(0), uart.dev_uart_read(1)] == [0x0c, 0x01]
    uart.dev_uart_write(LCR, 0x03)
    assert uart.dev_uart_read(IER) == 0
    assert sent(uart) == b""


def test_send(uart):
    """What is written goes out; the transmitter is always empty."""
    for byte in b"vtx":
        assert uart.dev_uart_read(LSR) & 0x20
        uart.dev_uart_write(DATA, byte)
    assert sent(uart) == b"vtx"


def test_receive_without_fifo(uart):
    """One holding register: a second character is an overrun, and takes the place of the first."""
    assert uart.dev_uart_room() == 1
    receive(uart, b"a")
    assert uart.dev_uart_room() == 0
    assert uart.dev_uart_read(LSR) == IDLE_LSR | 0x01
    receive(uart, b"b")
    assert uart.dev_uart_read(LSR) == IDLE_LSR | 0x03
    assert uart.dev_uart_read(LSR) == IDLE_LSR | 0x01, "reading LSR clears the overrun"
    assert uart.dev_uart_read(DATA) == ord("b")
    assert uart.dev_uart_read(LSR) == IDLE_LSR


def test_receive_with_fifo(uart):
    """16 characters; the 17th is lost and the others stay; IIR says that FIFOs are on."""
    uart.dev_uart_write(FCR, 0x01)
    assert uart.dev_uart_read(IIR) == 0xc1
    receive(uart, bytes(range(17)))
    assert uart.dev_uart_read(LSR) == IDLE_LSR | 0x03
    assert [uart.dev_uart_read(DATA) for _ in range(16)] == list(range(16))
    assert uart.dev_uart_read(LSR) == IDLE_LSR
    assert uart.dev_uart_room() == 16


def test_fifo_control(uart):
    """FCR clears the receiver; switching FIFOs does too; without bit 0 the rest does not count."""
    uart.dev_uart_write(FCR, 0x01)
    receive(uart, b"abc")
    uart.dev_uart_write(FCR, 0x03)
    assert uart.dev_uart_read(LSR) == IDLE_LSR
    receive(uart, b"abc")
    uart.dev_uart_write(FCR, 0x00)
    assert uart.dev_uart_read(LSR) == IDLE_LSR
    assert uart.dev_uart_read(IIR) == 0x01
    uart.dev_uart_write(FCR, 0xc0)
    uart.dev_uart_write(IER, 0x01)
    receive(uart, b"a")
    assert uart.dev_uart_read(IIR) == 0x04


@pytest.mark.parametrize("fcr, level", [(0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14)])
def test_trigger_levels(uart, fcr, level):
    """Below the trigger level the cause is a character timeout, from it on received data."""
    uart.dev_uart_write(FCR, fcr)
    uart.dev_uart_write(IER, 0x01)
    for count in range(1, 17):
        receive(uart, b"x")
        assert uart.dev_uart_read(IIR) == 0xc0 | (0x04 if count >= level else 0x0c)
    for count in range(15, 0, -1):
        uart.dev_uart_read(DATA)
        assert uart.dev_uart_read(IIR) == 0xc0 | (0x04 if count >= level else 0x0c)
    uart.dev_uart_read(DATA)
    assert uart.dev_uart_read(IIR) == 0xc1


def test_empty_interrupt(uart):
    """THRE: when it is enabled, and after each character; reading IIR or writing ends it."""
    uart.dev_uart_write(MCR, OUT2)
    uart.dev_uart_write(IER, 0x02)
    assert uart.dev_uart_interrupt()
    assert uart.dev_uart_read(IIR) == 0x02
    assert not uart.dev_uart_interrupt()
    assert uart.dev_uart_read(IIR) == 0x01
    uart.dev_uart_write(DATA, 0x41)
    assert uart.dev_uart_interrupt()
    uart.dev_uart_write(IER, 0x00)
    assert not uart.dev_uart_interrupt()
    uart.dev_uart_write(IER, 0x02)
    assert uart.dev_uart_interrupt(), "enabled while empty: at once"


def test_priorities(uart):
    """Line status, then data, then transmitter, then modem: what reading IIR does not end stays."""
    uart.dev_uart_write(IER, 0x0f)
    uart.dev_uart_write(MCR, 0x10)  # loop: the lines change
    uart.dev_uart_write(DATA, 1)
    uart.dev_uart_write(DATA, 2)  # an overrun
    assert uart.dev_uart_read(IIR) == 0x06
    assert uart.dev_uart_read(LSR) & 0x02
    assert uart.dev_uart_read(IIR) == 0x04
    uart.dev_uart_read(DATA)
    assert uart.dev_uart_read(IIR) == 0x02
    assert uart.dev_uart_read(IIR) == 0x00
    uart.dev_uart_read(MSR)
    assert uart.dev_uart_read(IIR) == 0x01


def test_loop(uart):
    """Loop mode: what is sent is received, outputs are inputs, the line is disconnected."""
    uart.dev_uart_write(FCR, 0x01)
    uart.dev_uart_write(MCR, 0x10)
    uart.dev_uart_write(DATA, 0x5a)
    receive(uart, b"x")
    assert uart.dev_uart_room() == 0
    assert uart.dev_uart_read(DATA) == 0x5a
    assert uart.dev_uart_read(LSR) == IDLE_LSR
    assert sent(uart) == b""
    uart.dev_uart_read(MSR)
    for mcr, msr in ((0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1f, 0xf0)):
        uart.dev_uart_write(MCR, mcr)
        assert uart.dev_uart_read(MSR) & 0xf0 == msr


def test_modem_changes(uart):
    """MSR's lower half: what has changed since it was read; RI only when it ends."""
    uart.dev_uart_write(MCR, 0x10)
    uart.dev_uart_read(MSR)
    uart.dev_uart_write(MCR, 0x13)
    assert uart.dev_uart_read(MSR) == 0x33
    assert uart.dev_uart_read(MSR) == 0x30
    uart.dev_uart_write(MCR, 0x17)
    assert uart.dev_uart_read(MSR) == 0x70, "RI that begins is no change"
    uart.dev_uart_write(MCR, 0x13)
    assert uart.dev_uart_read(MSR) == 0x34


def test_gate(uart):
    """OUT2 lets interrupts through; in loop mode it does not reach its pin."""
    uart.dev_uart_write(IER, 0x01)
    receive(uart, b"a")
    assert not uart.dev_uart_interrupt()
    uart.dev_uart_write(MCR, OUT2)
    assert uart.dev_uart_interrupt()
    uart.dev_uart_write(MCR, OUT2 | 0x10)
    assert not uart.dev_uart_interrupt()


def test_table_of_bits():
    """The header's bits are those of the data sheet's tables that the tests above use."""
    assert [N[f"UART_LSR_{name}"] for name in ("DATA", "OVERRUN", "THR_EMPTY", "EMPTY")] == [
        0x01, 0x02, 0x20, 0x40]
