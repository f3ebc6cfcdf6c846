; PCI: configuration access, POST enumeration of bus 0, PIIX set-up, INT 1Ah AH=B1h.
; Spec: PCI Local Bus 2.1, PCI BIOS 2.1; 82371SB (PIIX3), 82371AB (PIIX4) datasheets.
; Not here: buses behind bridges.
        bits 32

; Configuration dword EBX (bus/device/function << 8 | offset) -> EAX.
pci_read:
        push edx
        mov eax, ebx
        and eax, 0x00fffffc
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        mov dl, 0xfc
        in eax, dx
        pop edx
        ret

; EAX -> configuration dword EBX.
pci_write:
        push edx
        push eax
        mov eax, ebx
        and eax, 0x00fffffc
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        pop eax
        mov dl, 0xfc
        out dx, eax
        pop edx
        ret

; Byte AL -> configuration register EBX.
pci_write_byte:
        push edx
        push eax
        mov eax, ebx
        and eax, 0x00fffffc
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        pop eax
        mov dl, bl
        and dl, 3
        or dl, 0xfc
        out dx, al
        pop edx
        ret

; The windows BARs can ask for; each is a list of requests in scratch memory.
BAR_IO          equ 0
BAR_MEMORY      equ 1
BAR_PREFETCH    equ 2
BAR_LIST        equ 0x20000     ; requests: size, register (as in EBX), window, next address
BAR_REQUEST     equ 16
IO_WINDOW       equ 0xc000
MEMORY_TOP      equ 0xfec00000  ; the I/O APIC is there

; Calls EBP for every function on bus 0, EBX = its configuration address.
pci_each:
        xor ebx, ebx
.function:
        call pci_read
        cmp ax, 0xffff
        je .absent
        push ebx
        push ebp
        call ebp
        pop ebp
        pop ebx
        test ebx, 0x0700
        jnz .next
        mov bl, 0x0c            ; only function 0 says whether there are more
        call pci_read
        mov bl, 0
        test eax, 0x800000
        jnz .next
        jmp short .skip
.absent:
        test ebx, 0x0700
        jnz .next
.skip:  add ebx, 0x0700
.next:  add ebx, 0x0100
        cmp ebx, 0x10000
        jb .function
        ret

pci_init:
        mov edi, BAR_LIST
        mov ebp, pci_size_bars + BIOS_BASE
        call pci_each
        mov dword [edi], 0      ; a request of size zero ends the list
        mov ecx, BAR_IO
        mov edi, IO_WINDOW
        call pci_assign
        mov ecx, BAR_MEMORY
        mov edi, MEMORY_TOP
        call pci_window
        push edi
        call pci_assign
        pop edi
        mov ecx, BAR_PREFETCH
        call pci_window
        call pci_assign
        mov ebp, pci_setup + BIOS_BASE
        jmp pci_each

; Notes what the BARs of function EBX ask for.
pci_size_bars:
        mov bl, 0x0c
        call pci_read
        shr eax, 16
        and al, 0x7f
        jnz .done               ; bridges
        mov bl, 0x10
.bar:   call pci_size_bar
        add bl, 4
        cmp bl, 0x28
        jb .bar
        mov bl, 0x30
        call pci_size_bar
.done:  ret

; The BAR at EBX; of a 64-bit one both halves.
pci_size_bar:
        call pci_read
        mov esi, eax            ; as it was
        mov eax, -1
        cmp bl, 0x30
        jne .ask
        dec eax                 ; a ROM stays disabled
.ask:   call pci_write
        call pci_read
        xchg eax, esi
        call pci_write
        test esi, esi
        jz .none
        mov ecx, BAR_MEMORY
        mov edx, 0xfffffff0
        cmp bl, 0x30
        je .rom
        test esi, 1
        jnz .io
        test esi, 8
        jz .size
        mov ecx, BAR_PREFETCH
        jmp short .size
.rom:   mov dl, 0
        mov dh, 0xf8
        jmp short .size
.io:    mov ecx, BAR_IO
        or esi, 0xffff0000
        mov dl, 0xfc
.size:  mov eax, esi
        and eax, edx
        neg eax
        cmp ecx, BAR_IO
        je .note
        cmp eax, 0x1000         ; devices do not share pages
        jae .note
        mov eax, 0x1000
.note:  mov [edi], eax
        mov [edi + 4], ebx
        mov [edi + 8], ecx
        add edi, BAR_REQUEST
        test ecx, ecx
        jz .none
        cmp bl, 0x30
        je .none
        and esi, 6
        cmp esi, 4
        jne .none
        add bl, 4
        xor eax, eax
        call pci_write
.none:  ret

; Requests of window ECX: EDI becomes the start of a window that ends at EDI.
pci_window:
        xor edx, edx            ; sum
        xor ebp, ebp            ; greatest size
        mov esi, BAR_LIST
.next:  mov eax, [esi]
        test eax, eax
        jz .end
        cmp [esi + 8], ecx
        jne .other
        add edx, eax
        cmp ebp, eax
        jae .other
        mov ebp, eax
.other: add esi, BAR_REQUEST
        jmp short .next
.end:   sub edi, edx
        neg ebp
        jz .done
        and edi, ebp
.done:  ret

; Gives the requests of window ECX addresses from EDI up, the greatest first.
pci_assign:
        xor ebp, ebp
        mov esi, BAR_LIST
.next:  cmp dword [esi], 0
        je .end
        cmp [esi + 8], ecx
        jne .other
        test ebp, ebp
        jz .take
        mov eax, [ebp]
        cmp [esi], eax
        jbe .other
.take:  mov ebp, esi
.other: add esi, BAR_REQUEST
        jmp short .next
.end:   test ebp, ebp
        jz .done
        mov ebx, [ebp + 4]
        mov eax, edi
        call pci_write
        add edi, [ebp]
        mov dword [ebp + 8], -1
        jmp short pci_assign
.done:  ret

; Function EBX: its interrupt line, decoding on, and what particular chips need.
pci_setup:
        mov bl, 0x3c
        call pci_read
        movzx ecx, ah
        test ecx, ecx
        jz .pinless
        dec ecx
        mov eax, ebx            ; pins rotate with the slot
        shr eax, 11
        and eax, 31
        lea ecx, [ecx + eax - 1]
        and ecx, 3
        mov al, [BIOS_BASE + pirq_lines + ecx]
        call pci_write_byte
.pinless:
        mov bl, 4
        call pci_read
        and eax, 0x0000ffff
        or ax, 0x0103           ; I/O, memory, SERR
        call pci_write
        mov bl, 0
        call pci_read
        cmp eax, 0x70008086
        je piix3_init
        cmp eax, 0x70108086
        je piix_ide_init
        cmp eax, 0x71138086
        je piix4_pm_init
        mov bl, 8
        call pci_read
        shr eax, 8
        cmp eax, CLASS_UHCI
        jne .done
        shr ebx, 8
        mov [BIOS_BASE + usb_function], bx
.done:  ret

pirq_lines:
        db 10, 10, 11, 11

; PIRQA-D to IRQ 10, 10, 11, 11, which become level-triggered.
piix3_init:
        mov bl, 0x60
        mov eax, [BIOS_BASE + pirq_lines]
        call pci_write
        mov dx, 0x4d0
        mov al, 0
        out dx, al
        inc dx
        mov al, 0x0c
        out dx, al
        ret

; Both channels decode their legacy ports.
piix_ide_init:
        mov bl, 0x40
        mov eax, 0x80008000
        jmp pci_write

PM_BASE         equ 0x600
SMBUS_BASE      equ 0x700

; Power management at PM_BASE with the SCI on IRQ 9.
piix4_pm_init:
        mov bl, 0x3c
        mov al, 9
        call pci_write_byte
        mov bl, 0x40
        mov eax, PM_BASE | 1
        call pci_write
        mov bl, 0x80
        mov al, 1
        call pci_write_byte
        mov bl, 0x90
        mov eax, SMBUS_BASE | 1
        call pci_write
        mov bl, 0xd2
        mov al, 9
        jmp pci_write_byte
        bits 16

; ----------------------------------------------------------------------------- INT 1Ah AH=B1h

pci_service:
        SERVICE_ENTER
        and byte [bp + F_FLAGS], ~FLAG_CF
        cmp al, 0x0f
        ja .unknown
        movzx si, al
        add si, si
        call [cs:.table + si]
        mov [bp + F_AH], ah
        test ah, ah
        jz .done
        or byte [bp + F_FLAGS], FLAG_CF
.done:  SERVICE_LEAVE
.unknown:
        mov byte [bp + F_AH], 0x81
        or byte [bp + F_FLAGS], FLAG_CF
        SERVICE_LEAVE
.table: dw pci_no, pci_present, pci_find_device, pci_find_class, pci_no, pci_no, pci_no, pci_no
        dw pci_in, pci_in, pci_in, pci_out, pci_out, pci_out, pci_routing, pci_no

pci_no: mov ah, 0x81
        ret

pci_present:
        mov byte [bp + F_AL], 1         ; mechanism 1
        mov word [bp + F_BX], 0x0210
        mov byte [bp + F_CL], 0
        mov dword [bp + F_DX], 0x20494350
        mov ah, 0
        ret

; Configuration address of bus F_BH, function F_BL, register CL -> CF8, DX = data port.
pci_address:
        movzx eax, word [bp + F_BX]
        shl eax, 8
        mov al, [bp + F_DI]
        mov cl, al
        and al, 0xfc
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        and cl, 3
        mov dl, 0xfc
        or dl, cl
        ret

; AL=08h-0Ah byte, word, dword of register DI -> CL, CX, ECX.
pci_in:
        mov bl, al
        call pci_address
        cmp bl, 0x09
        jb .byte
        je .word
        and dl, 0xfc
        in eax, dx
        mov [bp + F_CX], eax
        jmp short .ok
.word:  and dl, 0xfe
        in ax, dx
        mov [bp + F_CX], ax
        jmp short .ok
.byte:  in al, dx
        mov [bp + F_CL], al
.ok:    mov ah, 0
        ret

; AL=0Bh-0Dh
pci_out:
        mov bl, al
        call pci_address
        mov eax, [bp + F_CX]
        cmp bl, 0x0c
        jb .byte
        je .word
        and dl, 0xfc
        out dx, eax
        jmp short .ok
.word:  and dl, 0xfe
        out dx, ax
        jmp short .ok
.byte:  out dx, al
.ok:    mov ah, 0
        ret

; AL=02h: device CX, vendor DX, the SI-th.
pci_find_device:
        mov ebx, [bp + F_CX]
        shl ebx, 16
        mov bx, [bp + F_DX]
        mov ecx, 0
        mov edi, -1
        jmp short pci_search

; AL=03h: class ECX, the SI-th.
pci_find_class:
        mov ebx, [bp + F_CX]
        shl ebx, 8
        mov ecx, 8
        mov edi, 0xffffff00
; Searches functions whose register CL under mask EDI is EBX; the F_SI-th found to F_BX.
pci_search:
        mov si, [bp + F_SI]
        mov eax, 0x80000000
.next:  mov al, cl
        push eax
        mov dx, 0xcf8
        out dx, eax
        mov dl, 0xfc
        in eax, dx
        and eax, edi
        cmp eax, ebx
        pop eax
        jne .other
        dec si
        js .found
.other: add eax, 0x100
        test eax, 0x00010000    ; bus 0 is all there is
        jz .next
        mov ah, 0x86
        ret
.found: shr eax, 8
        mov [bp + F_BX], ax
        mov ah, 0
        ret

; AL=0Eh: the routing table into the buffer that ES:DI describes.
pci_routing:
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov word [bp + F_BX], 0x0c00    ; IRQ 10 and 11 are PCI's alone
        mov cx, PIR_SLOTS_SIZE
        mov ah, 0x89
        xchg cx, [es:di]
        cmp cx, PIR_SLOTS_SIZE
        jb .done
        les di, [es:di + 2]
        mov si, pir_slots
        mov cx, PIR_SLOTS_SIZE
        cs rep movsb
        mov ah, 0
.done:  ret

%macro PIR_SLOT 2               ; device, link of INTA (60h..63h)
        db 0, %1 << 3
%assign link %2
%rep 4
        db link
        dw 0x0c00
%assign link 0x60 + ((link - 0x60 + 1) & 3)
%endrep
        db %1, 0
%endmacro

        align 16
pir_table:
        db '$PIR'
        dw 0x0100
        dw PIR_SIZE
        db 0, 0x08              ; the router: bus 0, device 1, function 0
        dw 0
        dd 0x70008086
        dd 0
        times 11 db 0
pir_checksum:
        db 0
pir_slots:
%assign device 1
%rep 31
        PIR_SLOT device, 0x60 + ((device - 1) & 3)
%assign device device + 1
%endrep
PIR_SLOTS_SIZE  equ $ - pir_slots
PIR_SIZE        equ $ - pir_table
