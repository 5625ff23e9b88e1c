//! Decides how much memory a connection holds while it waits: none.
//!
//! A buffer is taken from the thread's pool only once its socket has something to say, and goes back when the read
//! would block. That alone makes an idle stream cost a few kilobytes instead of tens.

use std::cell::RefCell;

/// Size of a pooled buffer: one request head, or one read of a stream.
pub(crate) const PAGE: usize = 16 << 10;
/// Buffers kept for reuse, each kind; more are freed.
const POOLED_MAX: usize = 64;
/// Small buffers (heads we write) start here and are not pooled beyond the second figure.
const SMALL: usize = 1 << 10;
const SMALL_KEPT_MAX: usize = 8 << 10;

/// Bodies up to this size are read into buffers that are kept: a fresh one of a hundred kilobytes costs its page faults every time.
pub(crate) const BIG: usize = 256 << 10;
const BIGS_MAX: usize = 64;

/// The pool of one core thread.
#[derive(Default)]
pub(crate) struct Buffers {
    bigs: RefCell<Vec<Vec<u8>>>,
    pages: RefCell<Vec<Vec<u8>>>,
    smalls: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    #[inline]
    pub(crate) fn page(&self) -> Vec<u8> {
        self.pages.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(PAGE))
    }

    /// A page, or a buffer for a body that is probably larger than one.
    #[inline]
    pub(crate) fn page_or_big(&self, is_big: bool) -> Vec<u8> {
        if is_big { self.big(BIG) } else { self.page() }
    }

    /// Takes back a buffer of either size. One that has grown is freed: a large answer must not be remembered for ever.
    #[inline]
    pub(crate) fn give_page(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() != PAGE {
            return self.give_big(buffer);
        }
        let mut pages = self.pages.borrow_mut();
        if pages.len() < POOLED_MAX {
            buffer.clear();
            pages.push(buffer);
        }
    }

    /// A buffer for a body of `bytes`. Capacity that is not written to takes no memory.
    pub(crate) fn big(&self, bytes: usize) -> Vec<u8> {
        if bytes > BIG {
            return Vec::with_capacity(bytes);
        }
        self.bigs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(BIG))
    }

    pub(crate) fn give_big(&self, mut buffer: Vec<u8>) {
        let mut bigs = self.bigs.borrow_mut();
        if buffer.capacity() == BIG && bigs.len() < BIGS_MAX {
            buffer.clear();
            bigs.push(buffer);
        }
    }

    #[inline]
    pub(crate) fn small(&self) -> Vec<u8> {
        self.smalls.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(SMALL))
    }

    #[inline]
    pub(crate) fn give_small(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() >= SMALL && buffer.capacity() <= SMALL_KEPT_MAX {
            let mut smalls = self.smalls.borrow_mut();
            if smalls.len() < POOLED_MAX {
                buffer.clear();
                smalls.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grown_buffer_is_freed_and_a_page_comes_back_empty() {
        let buffers = Buffers::default();
        let mut page = buffers.page();
        page.extend_from_slice(b"secret");
        buffers.give_page(page);
        assert!(buffers.page().is_empty());
        let mut grown = buffers.page();
        grown.reserve(PAGE * 4);
        buffers.give_page(grown);
        assert_eq!(buffers.pages.borrow().len(), 0);
        let mut big = buffers.page_or_big(true);
        big.extend_from_slice(b"secret");
        buffers.give_page(big);
        assert_eq!((buffers.bigs.borrow().len(), buffers.pages.borrow().len()), (1, 0));
        let big = buffers.page_or_big(true);
        assert!(big.is_empty() && big.capacity() == BIG);
    }
}
