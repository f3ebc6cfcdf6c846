; INT 15h system services, INT 11h and 12h.

int11:
        push ds
        push BDA_SEGMENT
        pop ds
        mov ax, [BDA_EQUIPMENT]
        pop ds
        iret

int12:
        push ds
        push BDA_SEGMENT
        pop ds
        mov ax, [BDA_MEMORY]
        pop ds
        iret

int15:
        cmp ah, 0x4f            ; keyboard intercept: nobody wants it, CF stays set
        je .keep
        SERVICE_ENTER
        mov si, .table
.find:  cmp byte [cs:si], 0
        je .unknown
        cmp ah, [cs:si]
        je .found
        add si, 3
        jmp short .find
.found: and byte [bp + F_FLAGS], ~FLAG_CF
        call [cs:si + 1]
        jnc .done
        or byte [bp + F_FLAGS], FLAG_CF
.done:  SERVICE_LEAVE
.unknown:
        mov byte [bp + F_AH], 0x86
        or byte [bp + F_FLAGS], FLAG_CF
        SERVICE_LEAVE
.keep:  push bp
        mov bp, sp
        or byte [bp + 6], FLAG_CF
        pop bp
        iret
.table: db 0x24
        dw a20_service
        db 0x53
        dw apm_service
        db 0x83
        dw event_wait
        db 0x86
        dw delay_service
        db 0x87
        dw move_block
        db 0x88
        dw extended_memory
        db 0x90
        dw service_ok
        db 0x91
        dw service_ok
        db 0xc0
        dw configuration
        db 0xc1
        dw ebda_segment
        db 0xe8
        dw memory_map
        db 0

service_ok:
        mov byte [bp + F_AH], 0
        clc
        ret

; AH=24h: A20 off, on, state, how.
a20_service:
        cmp al, 3
        ja .unknown
        je .support
        cmp al, 2
        je .state
        mov bl, al
        add bl, bl
        in al, 0x92
        and al, 0xfc
        or al, bl
        out 0x92, al
        jmp short service_ok
.state: in al, 0x92
        shr al, 1
        and al, 1
        mov [bp + F_AL], al
        jmp short service_ok
.support:
        mov word [bp + F_BX], 3
        jmp short service_ok
.unknown:
        mov byte [bp + F_AH], 0x86
        stc
        ret

; AH=83h: AL=0 sets bit 7 of the byte at ES:BX after CX:DX microseconds, AL=1 cancels.
event_wait:
        cmp al, 1
        je .cancel
        cmp dword [cs:wait_flag], 0
        jne .busy
        call ticks_of_delay
        cli
        mov eax, [BDA_TICKS]
        add eax, ecx
        mov [cs:wait_until], eax
        mov ax, [bp + F_BX]
        mov [cs:wait_flag], ax
        mov ax, [bp + F_ES]
        mov [cs:wait_flag + 2], ax
        clc
        ret
.cancel:
        mov dword [cs:wait_flag], 0
        clc
        ret
.busy:  stc
        ret

; CX:DX microseconds -> ECX, clock ticks of 54.9 ms, at least one.
ticks_of_delay:
        movzx eax, cx
        shl eax, 16
        mov ax, dx
        xor edx, edx
        mov ecx, 54925
        div ecx
        lea ecx, [eax + 1]
        ret

; AH=86h: waits CX:DX microseconds, by the count of PIT channel 0.
delay_service:
        sti
        shl ecx, 16
        mov cx, dx
        mov eax, ecx
        call delay
        mov byte [bp + F_AH], 0
        clc
        ret

; Waits EAX microseconds. Channel 0 counts down at 1193182 Hz in mode 2.
delay:
        push ebx
        push ecx
        push edx
        mov ecx, 1193182
        mul ecx
        mov ecx, 1000000
        div ecx
        mov ecx, eax
        call pit_count
        mov bx, ax
.poll:  call pit_count
        sub bx, ax              ; ticks since the last look
        movzx edx, bx
        mov bx, ax
        sub ecx, edx
        ja .poll
        pop edx
        pop ecx
        pop ebx
        ret

pit_count:
        mov al, 0
        out 0x43, al
        in al, 0x40
        mov ah, al
        in al, 0x40
        xchg al, ah
        ret

; AH=87h: CX words between the addresses of the descriptors at ES:SI + 10h and + 18h.
move_block:
        mov es, [bp + F_ES]
        mov si, [bp + F_SI]
        movzx ecx, cx
        mov edi, [es:si + 0x18 + 2]
        and edi, 0xffffff
        mov al, [es:si + 0x18 + 7]
        mov ah, 0
        shl eax, 24
        or edi, eax
        mov edx, [es:si + 0x10 + 2]
        and edx, 0xffffff
        mov al, [es:si + 0x10 + 7]
        mov ah, 0
        shl eax, 24
        or edx, eax
        mov esi, edx
        CALL32 copy_words
        mov byte [bp + F_AH], 0
        clc
        ret
        bits 32
copy_words:
        cld
        rep movsw
        ret
        bits 16

; AH=88h: KiB above 1 MiB, at most 63 MiB.
extended_memory:
        mov eax, [cs:high_top]
        sub eax, 0x100000
        shr eax, 10
        cmp eax, 0xfc00
        jbe .set
        mov ax, 0xfc00
.set:   mov [bp + F_AX], ax
        clc
        ret

configuration:
        mov [bp + F_ES], cs
        mov word [bp + F_BX], config_table
        jmp service_ok

ebda_segment:
        mov ax, [BDA_EBDA]
        mov [bp + F_ES], ax
        clc
        ret

; AH=E8h: AL=01h sizes, AL=20h the map.
memory_map:
        cmp al, 0x20
        je .map
        cmp al, 0x01
        jne .unknown
        mov eax, [cs:high_top]
        sub eax, 0x100000
        shr eax, 10
        mov edx, 0
        cmp eax, 0x3c00         ; CX = KiB up to 16 MiB, DX = 64 KiB blocks above
        jbe .small
        mov edx, eax
        sub edx, 0x3c00
        shr edx, 6
        mov eax, 0x3c00
.small: mov [bp + F_AX], ax
        mov [bp + F_CX], ax
        mov [bp + F_BX], dx
        mov [bp + F_DX], dx
        clc
        ret
.map:   cmp dword [bp + F_DX], 0x534d4150       ; SMAP
        jne .unknown
        mov ebx, [bp + F_BX]
        cmp ebx, [cs:e820_count]
        jae .unknown
        cmp dword [bp + F_CX], 20
        jb .unknown
        imul si, bx, 20
        add si, e820_map
        mov di, [bp + F_DI]
        mov es, [bp + F_ES]
        mov cx, 20
        cs rep movsb
        inc ebx
        cmp ebx, [cs:e820_count]
        jb .more
        xor ebx, ebx
.more:  mov [bp + F_BX], ebx
        mov dword [bp + F_CX], 20
        mov dword [bp + F_AX], 0x534d4150
        clc
        ret
.unknown:
        mov byte [bp + F_AH], 0x86
        stc
        ret
