//! Addresses that never answer a connect: listeners whose queue is full and never emptied, so the kernel drops every further SYN.
//!
//! This is how a test gets a connect that hangs without leaving loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

#[derive(Debug, Default)]
pub(crate) struct Unreachable(Mutex<Vec<(TcpListener, TcpStream)>>);

const ADDRESSES_MAX: usize = 16;

impl Unreachable {
    /// Makes one more; it lasts as long as the simulator.
    pub(crate) fn add(&self) -> io::Result<SocketAddr> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= ADDRESSES_MAX {
            return Err(io::Error::other(format!(
                "there are {ADDRESSES_MAX} unreachable addresses already; use one of them"
            )));
        }
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        // Linux lets a backlog of 0 hold one connection; this one fills it.
        socket.listen(0)?;
        let listener = TcpListener::from(socket);
        let addr = listener.local_addr()?;
        let filler = TcpStream::connect(addr)?;
        held.push((listener, filler));
        Ok(addr)
    }
}
