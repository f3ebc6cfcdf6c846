; INT 08h, 1Ah, 70h: the clock tick, the time of day, the real-time clock; CMOS access.

; CMOS register AL -> AL; NMI stays enabled.
cmos_read:
        out 0x70, al
        in al, 0x71
        ret

; CMOS register AH := AL.
cmos_write:
        xchg al, ah
        out 0x70, al
        xchg al, ah
        out 0x71, al
        ret

int08:
        push ds
        push eax
        mov ax, BDA_SEGMENT
        mov ds, ax
        mov eax, [BDA_TICKS]
        inc eax
        cmp eax, 0x1800b0       ; a day
        jb .store
        xor eax, eax
        mov byte [BDA_MIDNIGHT], 1
.store: mov [BDA_TICKS], eax
        cmp dword [cs:wait_flag], 0
        je .user
        sub eax, [cs:wait_until]
        jl .user
        push es
        push bx
        les bx, [cs:wait_flag]
        or byte [es:bx], 0x80
        pop bx
        pop es
        mov dword [cs:wait_flag], 0
.user:  cmp byte [BDA_FD_TIMEOUT], 0
        je .motors
        dec byte [BDA_FD_TIMEOUT]
        jnz .motors
        push dx
        and byte [BDA_FD_MOTORS], 0xf0
        mov dx, 0x3f2
        mov al, 0x0c
        out dx, al
        pop dx
.motors:
        cmp word [cs:usb_keys_at], 0
        je .keys
        call usb_keyboard_tick
.keys:  int 0x1c
        mov al, 0x20
        out 0x20, al
        pop eax
        pop ds
int1c:
        iret

; The real-time clock: acknowledge; INT 4Ah when the alarm rings.
int70:
        push ax
        mov al, 0x0c
        call cmos_read
        test al, 0x20
        jz .eoi
        int 0x4a
.eoi:   mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        iret

int1a:
        cmp ah, 0xb1
        je pci_service
        SERVICE_ENTER
        cmp ah, 7
        ja .unknown
        movzx bx, ah
        add bx, bx
        and byte [bp + F_FLAGS], ~FLAG_CF
        call [cs:.table + bx]
        jnc .done
.unknown:
        or byte [bp + F_FLAGS], FLAG_CF
.done:  SERVICE_LEAVE
.table: dw ticks_get, ticks_set, rtc_time, rtc_set_time, rtc_date, rtc_set_date
        dw rtc_alarm, rtc_no_alarm

ticks_get:
        mov ax, [BDA_TICKS]
        mov [bp + F_DX], ax
        mov ax, [BDA_TICKS + 2]
        mov [bp + F_CX], ax
        mov al, [BDA_MIDNIGHT]
        mov [bp + F_AL], al
        mov byte [BDA_MIDNIGHT], 0
        clc
        ret

ticks_set:
        mov [BDA_TICKS], dx
        mov [BDA_TICKS + 2], cx
        mov byte [BDA_MIDNIGHT], 0
        clc
        ret

; Waits while the clock is changing its registers.
rtc_stable:
        push cx
        mov cx, 0xffff
.poll:  mov al, 0x0a
        call cmos_read
        test al, 0x80
        loopnz .poll
        pop cx
        ret

rtc_time:
        call rtc_stable
        mov al, 0x04
        call cmos_read
        mov [bp + F_CH], al
        mov al, 0x02
        call cmos_read
        mov [bp + F_CL], al
        mov al, 0x00
        call cmos_read
        mov [bp + F_DH], al
        mov al, 0x0b
        call cmos_read
        and al, 1
        mov [bp + F_DL], al
        mov byte [bp + F_AH], 0
        clc
        ret

rtc_date:
        call rtc_stable
        mov al, 0x32
        call cmos_read
        mov [bp + F_CH], al
        mov al, 0x09
        call cmos_read
        mov [bp + F_CL], al
        mov al, 0x08
        call cmos_read
        mov [bp + F_DH], al
        mov al, 0x07
        call cmos_read
        mov [bp + F_DL], al
        mov byte [bp + F_AH], 0
        clc
        ret

; Stops the clock, or lets it go on with the low bit of AL as daylight saving.
rtc_stop:
        mov al, 0x0b
        call cmos_read
        or al, 0x80
        mov ah, 0x0b
        jmp cmos_write
rtc_go:
        mov al, 0x0b
        call cmos_read
        and al, 0x7f
        mov ah, 0x0b
        jmp cmos_write

rtc_set_time:
        call rtc_stop
        mov al, [bp + F_CH]
        mov ah, 0x04
        call cmos_write
        mov al, [bp + F_CL]
        mov ah, 0x02
        call cmos_write
        mov al, [bp + F_DH]
        mov ah, 0x00
        call cmos_write
        call rtc_go
        clc
        ret

rtc_set_date:
        call rtc_stop
        mov al, [bp + F_CH]
        mov ah, 0x32
        call cmos_write
        mov al, [bp + F_CL]
        mov ah, 0x09
        call cmos_write
        mov al, [bp + F_DH]
        mov ah, 0x08
        call cmos_write
        mov al, [bp + F_DL]
        mov ah, 0x07
        call cmos_write
        call rtc_go
        clc
        ret

rtc_alarm:
        mov al, 0x0b
        call cmos_read
        test al, 0x20
        stc
        jnz .done
        mov al, [bp + F_CH]
        mov ah, 0x05
        call cmos_write
        mov al, [bp + F_CL]
        mov ah, 0x03
        call cmos_write
        mov al, [bp + F_DH]
        mov ah, 0x01
        call cmos_write
        in al, 0xa1
        and al, 0xfe
        out 0xa1, al
        mov al, 0x0b
        call cmos_read
        or al, 0x20
        mov ah, 0x0b
        call cmos_write
        clc
.done:  ret

rtc_no_alarm:
        mov al, 0x0b
        call cmos_read
        and al, 0x57
        mov ah, 0x0b
        call cmos_write
        clc
        ret

; POST: the tick count of the time of day.
time_init:
        call rtc_stable
        mov al, 0x04
        call .field
        imul ecx, eax, 3600
        mov al, 0x02
        call .field
        imul eax, eax, 60
        add ecx, eax
        mov al, 0x00
        call .field
        add eax, ecx
        mov ecx, 1193182
        mul ecx
        shrd eax, edx, 16
        mov [BDA_TICKS], eax
        ret
; BCD register AL -> EAX.
.field: call cmos_read
        mov ah, al
        and al, 0x0f
        shr ah, 4
        aad
        movzx eax, al
        ret
