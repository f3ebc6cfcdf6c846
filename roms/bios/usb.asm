; USB 1.1 on the PIIX3's UHCI controller: finds what sits on its two ports, moves packets.
; Spec: Intel UHCI 1.1 design guide, USB 1.1 chapters 8 and 9. Disks are in usb-disk.asm, keyboards
; in usb-keyboard.asm.
; The schedule stands in conventional memory that is taken from programs when there is a use for it,
; so that everything works in real mode. It is polled; the controller never interrupts. A controller
; that has nothing for us is stopped. Not here: hubs, devices that come later, EHCI, xHCI.

CLASS_UHCI      equ 0x0c0300    ; of its PCI function

; Offsets in USB_SEGMENT; FS holds it in all routines here.
USB_SEGMENT     equ 0x9e00
USB_BASE        equ USB_SEGMENT << 4
USB_KIB         equ USB_BASE >> 10
QH_KEYS         equ 0x1000      ; behind the frame list; every eighth frame begins with it
QH_ASYNC        equ 0x1010
USB_SETUP       equ 0x1020
USB_CBW         equ 0x1040
USB_CSW         equ 0x1060
USB_BUFFER      equ 0x1080      ; 256 bytes
USB_TDS         equ 0x1200
USB_TD_COUNT    equ 128
KEY_TDS         equ 0x1a00      ; 8 of them
KEY_REPORTS     equ 0x1a80

; A device: records in usb_devices, SI points to one.
U_ADDRESS       equ 0
U_CONTROL       equ 1           ; largest packet of endpoint 0
U_IN            equ 2           ; endpoint numbers
U_OUT           equ 3
U_MAX_IN        equ 4           ; largest packets
U_MAX_OUT       equ 6
U_TOGGLE_IN     equ 8
U_TOGGLE_OUT    equ 9
U_CONFIG        equ 10
U_INTERFACE     equ 11
U_SPEED         equ 12          ; bits for the status of its transfer descriptors
U_SIZE          equ 16

PID_IN          equ 0x69
PID_OUT         equ 0xe1
PID_SETUP       equ 0x2d

TD_SHORT        equ 1 << 29     ; a short packet ends the queue
TD_LOW_SPEED    equ 1 << 26
TD_ACTIVE       equ 1 << 23
TD_STALLED      equ 1 << 22
TD_ERRORS       equ 0x00760000  ; all of them; NAK is none
TD_TRIES        equ 3 << 27
USB_PATIENCE    equ 10000       ; frames, that is ms

; A control transfer: request type, request, value, index, length.
%macro USB_REQUEST 5
        mov dword [cs:usb_setup], %1 | %2 << 8 | (%3) << 16
        mov dword [cs:usb_setup + 4], (%4) | (%5) << 16
        call usb_control
%endmacro

; ------------------------------------------------------------------------------------ packets

; A packet of CX bytes, to be sent by usb_run after those before it.
usb_packet:
        push eax
        push edx
        push di
        mov di, [cs:usb_td]
        movzx eax, di
        add eax, USB_BASE + 16 + 4      ; on to the next one in the same frame
        mov [fs:di], eax
        mov eax, TD_TRIES | TD_ACTIVE
        cmp byte [cs:usb_pid], PID_IN
        jne .status
        or eax, TD_SHORT
.status:
        or eax, [cs:si + U_SPEED]
        mov [fs:di + 4], eax
        movzx eax, cx
        dec eax
        shl eax, 2
        or al, [cs:usb_toggle]
        shl eax, 4
        or al, [cs:usb_endpoint]
        shl eax, 7
        or al, [cs:si + U_ADDRESS]
        shl eax, 8
        mov al, [cs:usb_pid]
        mov [fs:di + 8], eax
        movzx edx, cx
        mov eax, [cs:usb_at]
        mov [fs:di + 12], eax
        add [cs:usb_at], edx
        xor byte [cs:usb_toggle], 1
        add word [cs:usb_td], 16
        pop di
        pop edx
        pop eax
        ret

; Packets for CX bytes, of DX bytes at most.
usb_packets:
        push bx
        mov bx, cx
.next:  test bx, bx
        jz .done
        mov cx, dx
        cmp cx, bx
        jbe .send
        mov cx, bx
.send:  sub bx, cx
        call usb_packet
        jmp short .next
.done:  pop bx
        ret

; Sends the packets. CF if that failed; then EAX has TD_STALLED set or clear.
usb_run:
        push cx
        push dx
        push di
        mov di, [cs:usb_td]
        mov dword [fs:di - 16], 1
        mov word [cs:usb_td], USB_TDS
        mov dword [fs:QH_ASYNC + 4], USB_BASE + USB_TDS
        mov dx, [cs:usb_io]
        add dx, 6               ; FRNUM
        mov cx, USB_PATIENCE
.poll:  mov eax, [fs:QH_ASYNC + 4]
        test al, 1
        jnz .done
        and al, 0xf0
        sub eax, USB_BASE
        mov di, ax
        mov eax, [fs:di + 4]
        test eax, TD_ACTIVE
        jz .ended
.again: in al, dx
        cmp al, [cs:usb_frame]
        je .poll
        mov [cs:usb_frame], al
        loop .poll
        xor eax, eax
.failed:
        mov dword [fs:QH_ASYNC + 4], 1
        stc
        jmp short .out
.ended: test eax, TD_ERRORS
        jnz .failed
        lea ecx, [eax + 1]      ; a short one, or has the queue not moved on yet?
        mov eax, [fs:di + 8]
        shr eax, 21
        inc ax
        xor cx, ax
        test cx, 0x7ff
        mov cx, USB_PATIENCE
        jz .again
.done:  mov dword [fs:QH_ASYNC + 4], 1
        clc
.out:   pop di
        pop dx
        pop cx
        ret

; The request in usb_setup to device SI; its data are at USB_BUFFER. CF if it failed.
usb_control:
        push eax
        push cx
        push dx
        mov eax, [cs:usb_setup]
        mov [fs:USB_SETUP], eax
        mov eax, [cs:usb_setup + 4]
        mov [fs:USB_SETUP + 4], eax
        mov word [cs:usb_endpoint], PID_SETUP << 8
        mov byte [cs:usb_toggle], 0
        mov dword [cs:usb_at], USB_BASE + USB_SETUP
        mov cx, 8
        call usb_packet
        mov dword [cs:usb_at], USB_BASE + USB_BUFFER
        mov byte [cs:usb_pid], PID_OUT
        test byte [cs:usb_setup], 0x80
        jz .data
        mov byte [cs:usb_pid], PID_IN
.data:  mov cx, [cs:usb_setup + 6]
        movzx dx, byte [cs:si + U_CONTROL]
        call usb_packets
        call usb_run
        jc .out
        mov al, PID_IN          ; the status comes the other way
        cmp word [cs:usb_setup + 6], 0
        je .status
        xor al, PID_IN ^ PID_OUT
        cmp byte [cs:usb_pid], PID_IN
        je .status
        mov al, PID_IN
.status:
        mov [cs:usb_pid], al
        mov byte [cs:usb_toggle], 1
        xor cx, cx
        call usb_packet
        call usb_run
.out:   pop dx
        pop cx
        pop eax
        ret

; Moves CX bytes between EAX (physical) and the bulk endpoint DL of device SI: 0 IN, 1 OUT. CF if
; that failed, ZF too if the endpoint had stalled: it is ready again.
usb_bulk:
        push ebx
        push cx
        push dx
        mov [cs:usb_at], eax
        movzx bx, dl
        mov al, [cs:si + U_IN + bx]
        mov [cs:usb_endpoint], al
        mov al, [cs:.pids + bx]
        mov [cs:usb_pid], al
        mov al, [cs:si + U_TOGGLE_IN + bx]
        mov [cs:usb_toggle], al
        add bx, bx
        mov dx, [cs:si + U_MAX_IN + bx]
        shr bx, 1
        call usb_packets
        push word [cs:usb_td]
        call usb_run
        pop dx
        pushf
        push eax
        mov di, USB_TDS         ; every packet that went through turned the toggle
        mov cl, [cs:si + U_TOGGLE_IN + bx]
.count: cmp di, dx
        jae .counted
        test dword [fs:di + 4], TD_ACTIVE | TD_ERRORS
        jnz .counted
        xor cl, 1
        add di, 16
        jmp short .count
.counted:
        mov [cs:si + U_TOGGLE_IN + bx], cl
        pop eax
        popf
        jnc .out
        test eax, TD_STALLED
        jz .dead
        call usb_clear_halt
        jc .dead
        cmp al, al              ; ZF
        stc
        jmp short .out
.dead:  or sp, sp               ; no ZF
        stc
.out:   pop dx
        pop cx
        pop ebx
        ret
.pids:  db PID_IN, PID_OUT

; Endpoint BX, 0 IN and 1 OUT, of device SI goes on after a stall.
usb_clear_halt:
        push eax
        movzx eax, byte [cs:si + U_IN + bx]
        test bx, bx
        jnz .out
        or al, 0x80
.out:   mov dword [cs:usb_setup], 0x02 | 0x01 << 8
        mov [cs:usb_setup + 4], eax
        mov byte [cs:si + U_TOGGLE_IN + bx], 0
        call usb_control
        pop eax
        ret

; Waits CX ms, or not at all if the controller has stopped.
usb_wait:
        push ax
        push dx
.next:  mov dx, [cs:usb_io]
        add dx, 2
        in al, dx
        test al, 0x20
        jnz .out
        add dx, 4
        in al, dx
        mov ah, al
.same:  in al, dx
        cmp al, ah
        je .same
        loop .next
.out:   pop dx
        pop ax
        ret

; ------------------------------------------------------------------------------------------- POST

; Finds the devices behind the controller. DS = BIOS data area.
usb_init:
        mov bx, [cs:usb_function]
        test bx, bx
        jz .none
        mov ax, 0xb10a          ; BAR 4
        mov di, 0x20
        int 0x1a
        and cl, 0xe0
        jcxz .none
        mov [cs:usb_io], cx
        mov dx, cx
        add dx, 0x10
        in al, dx
        mov ah, al
        add dx, 2
        in al, dx
        or al, ah
        test al, 1
        jz .none
        push fs
        mov ax, USB_SEGMENT
        mov fs, ax
        call usb_start
        mov si, usb_devices
        mov word [cs:usb_port], 0
.port:  mov dx, [cs:usb_io]
        add dx, 0x10
        add dx, [cs:usb_port]
        add dx, [cs:usb_port]
        call usb_attach
        jc .next
        call usb_configure
.next:  add si, U_SIZE
        inc word [cs:usb_port]
        cmp word [cs:usb_port], 2
        jb .port
        cmp word [cs:usb_uses], 0
        jne .used
        mov dx, [cs:usb_io]
        xor ax, ax
        out dx, ax
        jmp short .stopped
.used:  mov word [BDA_MEMORY], USB_KIB
.stopped:
        pop fs
.none:  ret

; The controller begins to work, with nothing to do. BX = its PCI function.
usb_start:
        mov ax, 0xb109          ; it may reach memory
        mov di, 4
        int 0x1a
        or cl, 4
        mov ax, 0xb10c
        int 0x1a
        mov ax, 0xb10c          ; no traps of keyboard ports
        mov di, 0xc0
        mov cx, 0x8f00
        int 0x1a
        mov dx, [cs:usb_io]
        mov ax, 2               ; HCRESET
        out dx, ax
        mov cx, 1000
.reset: in ax, dx
        test al, 2
        loopnz .reset
        push es
        push fs
        pop es
        xor di, di
        mov eax, USB_BASE + QH_KEYS + 2
        mov cx, 1024 / 8
.frame: stosd
        push cx
        mov eax, USB_BASE + QH_ASYNC + 2
        mov cx, 7
        rep stosd
        pop cx
        mov eax, USB_BASE + QH_KEYS + 2
        loop .frame
        pop es
        mov dword [fs:QH_KEYS], USB_BASE + QH_ASYNC + 2
        mov dword [fs:QH_KEYS + 4], 1
        mov dword [fs:QH_ASYNC], 1
        mov dword [fs:QH_ASYNC + 4], 1
        mov word [cs:usb_td], USB_TDS
        add dx, 4               ; no interrupts
        xor ax, ax
        out dx, ax
        add dx, 2               ; frame 0
        out dx, ax
        add dx, 2
        mov eax, USB_BASE
        out dx, eax
        sub dx, 8
        mov ax, 0x00c1          ; run, configured, packets of 64 bytes
        out dx, ax
        ret

; Resets the port at DX and gives what is there an address. CF if there is nothing.
usb_attach:
        in ax, dx
        test al, 1
        stc
        jz .out
        mov dword [cs:si + U_SPEED], 0
        mov byte [cs:si + U_ADDRESS], 0
        mov byte [cs:si + U_CONTROL], 8
        mov ax, 0x0200
        out dx, ax
        mov cx, 50
        call usb_wait
        xor ax, ax
        out dx, ax
        mov cx, 1
        call usb_wait
        mov ax, 0x000e          ; enabled; the changes were noticed
        out dx, ax
        mov cx, 10
        call usb_wait
        in ax, dx
        test ah, 1
        jz .full
        mov dword [cs:si + U_SPEED], TD_LOW_SPEED
.full:  USB_REQUEST 0x80, 6, 0x0100, 0, 8
        jc .out
        mov al, [fs:USB_BUFFER + 7]
        mov [cs:si + U_CONTROL], al
        mov al, [cs:usb_port]
        inc al
        mov byte [cs:usb_setup + 2], al
        mov word [cs:usb_setup], 0x0500
        mov byte [cs:usb_setup + 3], 0
        mov dword [cs:usb_setup + 4], 0
        call usb_control
        jc .out
        mov [cs:si + U_ADDRESS], al
        mov cx, 2
        call usb_wait
        clc
.out:   ret

; Looks for an interface of device SI that is of use.
usb_configure:
        USB_REQUEST 0x80, 6, 0x0200, 0, 9
        jc .out
        mov ax, [fs:USB_BUFFER + 2]
        cmp ax, 255
        jbe .length
        mov ax, 255
.length:
        mov [cs:usb_setup + 6], ax
        call usb_control
        jc .out
        mov di, USB_BUFFER
        movzx bp, al
        add bp, di              ; BP = end
        mov al, [fs:di + 5]
        mov [cs:si + U_CONFIG], al
        xor bx, bx              ; kind of the interface, once it is known
.next:  movzx ax, byte [fs:di]
        test ax, ax
        jz .end
        add di, ax
        lea ax, [di + 7]
        cmp ax, bp
        ja .end
        cmp byte [fs:di + 1], 5
        je .endpoint
        cmp byte [fs:di + 1], 4
        jne .next
        test bx, bx
        jnz .end
        mov al, [fs:di + 2]
        mov [cs:si + U_INTERFACE], al
        mov eax, [fs:di + 5]
        and eax, 0xffffff
        mov bx, usb_disk_found
        cmp eax, 0x500608       ; mass storage, SCSI, bulk only
        je .next
        mov bx, usb_keyboard_found
        cmp eax, 0x010103       ; HID, boot, keyboard
        je .next
        xor bx, bx
        jmp short .next
.endpoint:
        test bx, bx
        jz .next
        mov al, [fs:di + 2]
        mov dx, [fs:di + 4]
        and dx, 0x7ff
        test al, al
        js .in
        and al, 0x0f
        mov [cs:si + U_OUT], al
        mov [cs:si + U_MAX_OUT], dx
        jmp short .next
.in:    and al, 0x0f
        mov [cs:si + U_IN], al
        mov [cs:si + U_MAX_IN], dx
        jmp short .next
.end:   test bx, bx
        jz .out
        movzx eax, byte [cs:si + U_CONFIG]
        shl eax, 16
        or eax, 0x0900
        mov [cs:usb_setup], eax
        mov dword [cs:usb_setup + 4], 0
        call usb_control
        jc .out
        jmp bx
.out:   ret
