; INT 14h: the serial ports, as far as COM port addresses stand in the BIOS data area.
; INT 17h: there is no printer.

int14:
        SERVICE_ENTER
        mov di, dx
        cmp di, 3
        ja .done
        mov cl, [di + BDA_COM_TIMEOUT]
        add di, di
        mov dx, [di + BDA_COM]
        test dx, dx
        jz .done
        cmp ah, 0
        je .init
        cmp ah, 1
        je .send
        cmp ah, 2
        je .receive
        cmp ah, 3
        je .status
.done:  SERVICE_LEAVE

.init:  mov bl, al
        add dx, 3               ; LCR: divisor access
        mov al, 0x80
        out dx, al
        movzx di, bl
        shr di, 5
        add di, di
        mov ax, [cs:.divisors + di]
        sub dx, 3
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        add dx, 2
        mov al, bl
        and al, 0x1f
        out dx, al
        inc dx
        mov al, 3
        out dx, al
        sub dx, 3
        xor al, al
        out dx, al
        dec dx
.status:
        call serial_status
        mov [bp + F_AX], ax
        jmp short .done
.send:  mov bl, al
        mov bh, 0x20
        call .wait
        jc .timeout
        mov al, bl
        out dx, al
        call serial_status
        mov [bp + F_AH], ah
        jmp short .done
.receive:
        mov bh, 0x01
        call .wait
        jc .timeout
        in al, dx
        mov [bp + F_AL], al
        call serial_status
        and ah, 0x1e
        mov [bp + F_AH], ah
        jmp .done
.timeout:
        or ah, 0x80
        mov [bp + F_AH], ah
        jmp .done
; Waits until a line status bit of BH is set, CL times about a second; AH = the status.
.wait:  sti
        add dx, 5
        movzx di, cl
        imul di, di, 18
        mov cl, [BDA_TICKS]
.poll:  in al, dx
        mov ah, al
        test al, bh
        jnz .ready
        cmp cl, [BDA_TICKS]
        je .poll
        mov cl, [BDA_TICKS]
        dec di
        jns .poll
        sub dx, 5
        stc
        ret
.ready: sub dx, 5
        clc
        ret
.divisors:
        dw 1047, 768, 384, 192, 96, 48, 24, 12

; Line status in AH, modem status in AL.
serial_status:
        push dx
        add dx, 5
        in al, dx
        mov ah, al
        inc dx
        in al, dx
        pop dx
        ret

; POST: finds the ports and sets them to 115200 8N1; notes them in the BIOS data area.
serial_init:
        mov si, .candidates
        xor di, di
        xor bl, bl
.next:  mov dx, [cs:si]
        inc si
        inc si
        test dx, dx
        jz .end
        inc dx                  ; IER keeps four bits
        mov al, 0x0a
        out dx, al
        in al, dx
        cmp al, 0x0a
        jne .next
        xor al, al
        out dx, al
        in al, dx
        test al, al
        jnz .next
        add dx, 2
        mov al, 0x83
        out dx, al
        sub dx, 3
        mov ax, 1
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        add dx, 2
        mov al, 0x03
        out dx, al
        dec dx
        mov al, 0x07            ; FIFO on and empty
        out dx, al
        add dx, 2
        mov al, MIRROR_MCR
        out dx, al
        sub dx, 4
        mov [di + BDA_COM], dx
        inc di
        inc di
        inc bl
        jmp short .next
.end:   mov dword [BDA_COM_TIMEOUT], 0x0a0a0a0a
        shl bl, 1
        mov al, [BDA_EQUIPMENT + 1]
        and al, 0xf1
        or al, bl
        mov [BDA_EQUIPMENT + 1], al
        ret
.candidates:
        dw 0x3f8, 0x2f8, 0x3e8, 0x2e8, 0

int17:
        mov ah, 0x30            ; selected, out of paper: nobody is there
        iret
